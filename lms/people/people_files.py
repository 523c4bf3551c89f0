"""Files of people: their columns and templates, and reading and checking one before anything is written."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, TypeVar

from sqlalchemy import select

from lms.core.base.errors import Fault, Invalid
from lms.core.database.session import db
from lms.core.storage.tables import FileTemplate, Table, read_table
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import listed, quoted
from lms.core.text.typed_text import clean_line
from lms.people.models import Country, Gender, Sector
from lms.people.queries.countries import country_names, unknown_country
from lms.people.queries.country_names import code_of_name, codes_of_shared_name, territories
from lms.people.queries.persons import ids_by_email
from lms.people.rules import checked_address, checked_language, checked_line, email_key

COLUMNS: Final = ("email", "full_name", "native_name", "country", "sector", "organisation", "job_title", "gender")
NOMINEE_COLUMNS: Final = (*COLUMNS, "language")
_EXAMPLES: Final = (
    {
        "email": "first.example@example.org", "full_name": "First Example", "native_name": "", "country": "KE",
        "sector": Sector.GOVERNMENT.value, "organisation": "Example Ministry", "job_title": "Example Adviser",
        "gender": Gender.FEMALE.value, "language": "en",
    },
    {
        "email": "second.example@example.org", "full_name": "Second Example", "country": "VN",
        "sector": Sector.BUSINESS.value, "organisation": "Example Company", "language": "fr",
    },
)  # fmt: skip
PEOPLE_TEMPLATE: Final = FileTemplate(COLUMNS, _EXAMPLES)
NOMINEES_TEMPLATE: Final = FileTemplate(NOMINEE_COLUMNS, _EXAMPLES)
_HEADINGS: Final = {
    "email": ("email", "e-mail", "email address", "e-mail address"),
    "full_name": ("full_name", "name"),
    "native_name": ("native_name",),
    "country": ("country", "country_code", "country or area"),
    "sector": ("sector",),
    "organisation": ("organisation", "organization"),
    "job_title": ("job_title",),
    "gender": ("gender",),
    "language": ("language",),
}
_SECTORS: Final = {member.value: member for member in Sector}
_GENDERS: Final = {member.value: member for member in Gender}
C = TypeVar("C")


@dataclass(slots=True)
class PersonRow:
    """One good row. `line` is its line in the file, counted from 1; what is empty is None."""

    line: int
    email: str
    key: str
    full_name: str | None
    native_name: str | None = None
    country: str | None = None
    sector: Sector | None = None
    organisation: str | None = None
    job_title: str | None = None
    gender: Gender | None = None
    language: str | None = None


@dataclass
class StagedPeople:
    """A file of people as read: good rows, bad rows with the reason, and notes.

    `columns`: which column of the `table` is which of the known ones; null for missing ones.
    """

    rows: list[PersonRow] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    total: int = 0
    table: Table = field(default_factory=lambda: Table([], []))
    columns: dict[str, int | None] = field(default_factory=dict)


def stage_people(content: bytes, *, look_up_nameless: bool = True, known: Sequence[str] = COLUMNS) -> StagedPeople:
    """Reads and checks a file (CSV or XLSX; headings `known` in any order). Writes nothing.

    A row without a name is good if the address is known. Without `look_up_nameless` it is good here, and the caller
    decides whether the sender may know that person.

    Raises Invalid (empty, unreadable, no column `email`), WrongKind, TooLarge; bad rows are part of the result.
    """
    table = read_table(content)
    columns = {name: table.column(*_HEADINGS[name]) for name in known}
    if columns["email"] is None:
        headings = listed(quoted(heading[:40]) for heading in table.headings[:12])
        raise Invalid("file", _("There is no column “email”. The columns are: %(found)s.", found=headings))
    staged = StagedPeople(total=len(table.rows), notes=_ignored(table, columns), table=table, columns=columns)
    codes = country_spellings()
    lines: dict[str, int] = {}
    for line, cells in table.rows:
        row = _read_row(line, cells, columns, len(table.headings), codes, staged.rejected)
        if row is None:
            continue
        first = lines.setdefault(row.key, line)
        if first != line:
            reason = _("Same e-mail address as row %(line)s.", line=first)
            staged.rejected.append(Fault(row=line, field="email", reason=reason, kind="duplicate"))
            continue
        staged.rows.append(row)
    if look_up_nameless:
        reject_unknown_nameless(staged)
    staged.rejected.sort(key=lambda fault: fault.row or 0)
    return staged


def _ignored(table: Table, columns: dict[str, int | None]) -> list[str]:
    used = set(columns.values())
    ignored = [heading for index, heading in enumerate(table.headings) if index not in used and heading]
    if not ignored:
        return []
    names = listed(quoted(heading[:40]) for heading in ignored[:20])
    return [_n("The column %(names)s was ignored.", "The columns %(names)s were ignored.", len(ignored), names=names)]


def country_spellings() -> dict[str, str]:
    """Returns what a cell may say (code or English name, casefolded) → code. Other names: `read_country`.

    A name that several countries share is among them only where the organiser gave it to one.
    """
    listed = territories("en")
    codes = {
        name.casefold(): code
        for code, name in country_names("en").items()
        if name != listed.get(code) or not codes_of_shared_name(name)
    }
    for code, iso in db.session.execute(select(Country.code, Country.iso)):
        codes[code.casefold()] = code
        if iso:
            codes.setdefault(iso.casefold(), code)
    db.session.rollback()
    return codes


def _read_row(
    line: int,
    cells: Sequence[str],
    columns: dict[str, int | None],
    width: int,
    codes: dict[str, str],
    rejected: list[Fault],
) -> PersonRow | None:
    given = {name: cells[index] if index is not None and index < len(cells) else "" for name, index in columns.items()}
    try:
        if any(cell.strip() for cell in cells[width:]):
            raise Invalid(None, _("The row has more cells than there are column headings."))
        address = checked_address(given["email"])
        return PersonRow(
            line=line,
            email=address,
            key=email_key(address),
            full_name=checked_line(given["full_name"], field="full_name"),
            native_name=checked_line(given["native_name"], field="native_name"),
            country=read_country(given["country"], codes),
            sector=_choice(_SECTORS, given["sector"], "sector"),
            organisation=checked_line(given["organisation"], field="organisation"),
            job_title=checked_line(given["job_title"], field="job_title"),
            gender=_choice(_GENDERS, given["gender"], "gender"),
            language=checked_language(given.get("language", "")),
        )
    except Invalid as error:
        fault = error.faults[0]
        reason = f"{fault.field}: {fault.reason}" if fault.field else fault.reason
        rejected.append(Fault(row=line, field=fault.field, reason=reason))
        return None


def read_country(cell: str, codes: dict[str, str]) -> str | None:
    """The code of the country in a cell of a file, given `country_spellings`; None for an empty cell.

    Raises Invalid for an unlisted country, and for a name with several meanings.
    """
    code = codes.get(cell.casefold())
    if code is not None:
        return code
    line = clean_line(cell)
    if not line:
        return None
    code = codes.get(line.casefold()) or codes.get((code_of_name(line) or "").casefold())
    if code is None:
        raise Invalid("country", unknown_country(line))
    return code


def _choice(known: dict[str, C], cell: str, name: str) -> C | None:
    if cell in known:
        return known[cell]
    line = clean_line(cell).casefold().replace(" ", "_").replace("-", "_")
    if line and line not in known:
        raise Invalid(name, _unknown(name, clean_line(cell)[:40], known))
    return known.get(line)


def _unknown(name: str, cell: str, known: Collection[str]) -> str:
    """A message for a cell with an unknown value, with the allowed values and the likely one."""
    if name == "gender":
        reason = _("Unknown gender “%(cell)s”. Use one of: %(known)s.", cell=cell, known=listed(known))
    else:
        reason = _("Unknown sector “%(cell)s”. Use one of: %(known)s.", cell=cell, known=listed(known))
    meant = get_close_matches(cell.casefold(), known, n=1, cutoff=0.75)
    return _("%(reason)s Perhaps “%(meant)s”", reason=reason, meant=meant[0]) if meant else reason


def reject_unknown_nameless(staged: StagedPeople) -> None:
    """Rejects rows without a name whose address is of no one. A known person needs no name in a file."""
    nameless = [row for row in staged.rows if row.full_name is None]
    if not nameless:
        return
    known = ids_by_email([row.key for row in nameless])
    db.session.rollback()
    staged.rows = [row for row in staged.rows if row.full_name is not None or row.key in known]
    staged.rejected.extend(nameless_fault(row) for row in nameless if row.key not in known)
    staged.rejected.sort(key=lambda fault: fault.row or 0)


def nameless_fault(row: PersonRow) -> Fault:
    reason = _("There is no one with this e-mail address, and the row has no name.")
    return Fault(row=row.line, field="full_name", reason=f"full_name: {reason}")
