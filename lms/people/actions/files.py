"""Files of people: read and checked outside of any transaction (`stage_people`), written in a short one."""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from sqlalchemy import func, insert, select, text, update

from lms.core.base.errors import Fault, Forbidden, Invalid
from lms.core.base.events import (
    AddressesKnown,
    PeopleCountriesChanged,
    PeopleTraitsChanged,
    PersonNameCorrected,
    publish,
)
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, chunks, insert_many
from lms.core.database.search import searchable
from lms.core.database.session import action, db, is_sqlite
from lms.core.storage.tables import FileTemplate, Table, read_table
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import listed, quoted
from lms.core.text.sorting import sort_key
from lms.core.text.typed_text import clean_line
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.actions.persons import COMPARED, hold_addresses
from lms.people.models import BEGINNING, Account, Country, Gender, Person, PersonCountry, PersonEmail, Sector
from lms.people.queries.countries import countries_of, country_ids, country_names, unknown_country
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
_PERSONAL: Final = ("native_name", "sector", "organisation", "job_title", "gender")
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
    staged.rejected.extend(_nameless(row) for row in nameless if row.key not in known)
    staged.rejected.sort(key=lambda fault: fault.row or 0)


def _nameless(row: PersonRow) -> Fault:
    reason = _("There is no one with this e-mail address, and the row has no name.")
    return Fault(row=row.line, field="full_name", reason=f"full_name: {reason}")


@action
def publish_people(
    staged: StagedPeople, *, skip_bad_rows: bool, by: Actor, at: datetime
) -> tuple[ImportAnswer, list[int]]:
    """Writes what a file says: new people are made, known ones updated; returns the answer and the ids, row by row.

    People with an account keep their profile; only its empty fields are filled. The same file again
    changes nothing. Without `skip_bad_rows` one bad row makes it Invalid, with all of them, and nothing is written.
    For administrators.
    """
    if not by.is_administrator:
        raise Forbidden
    hold_addresses()
    known = ids_by_email([row.key for row in staged.rows])
    rows, rejected = _take_good_rows(staged, known, skip_bad_rows=skip_bad_rows)
    answer = ImportAnswer(rows=staged.total, rejected=rejected, notes=list(staged.notes))
    countries = country_ids()
    fresh = [row for row in rows if row.key not in known]
    ids = dict(zip((row.key for row in fresh), _insert(fresh, countries, at=at), strict=True))
    answer.created = len(fresh)
    matched = [(row, known[row.key]) for row in rows if row.key in known]
    changed = _update(matched, countries, answer.notes, by=by, at=at)
    answer.matched, answer.updated = len(matched), len(changed)
    answer.unchanged, answer.touched = len(matched) - len(changed), set(changed)
    if fresh or changed:
        if ids:
            publish(AddressesKnown(by=by, at=at, person_ids=tuple(ids.values())))
        detail = {"created": len(fresh), "updated": len(changed)}
        audit.record("import_people", by=by, at=at, detail=detail, person=[*ids.values(), *changed])
    return answer, [known.get(row.key) or ids[row.key] for row in rows]


def _take_good_rows(
    staged: StagedPeople, known: Collection[str], *, skip_bad_rows: bool
) -> tuple[list[PersonRow], list[Fault]]:
    """The rows to write, and what is wrong with the others. Raises Invalid if they are not to be skipped."""
    nameless = [row for row in staged.rows if not row.full_name and row.key not in known]
    rejected = [*staged.rejected, *map(_nameless, nameless)]
    if rejected and not skip_bad_rows:
        raise Invalid(faults=rejected)
    return [row for row in staged.rows if row.full_name or row.key in known], rejected


def _new_ids(count: int) -> Iterable[int]:
    if is_sqlite():  # the write lock is held: nobody else creates a person
        last = db.session.scalar(select(func.max(Person.id))) or 0
        return range(last + 1, last + 1 + count)
    query = text("SELECT nextval(pg_get_serial_sequence('person', 'id')) FROM generate_series(1, :count)")
    return db.session.scalars(query, {"count": count}).all()


def _insert(rows: list[PersonRow], countries: dict[str, int], *, at: datetime) -> list[int]:
    if not rows:
        return []
    ids = list(_new_ids(len(rows)))
    organisations = {name: searchable(name) for name in {row.organisation for row in rows}}
    people = [
        {
            "id": person_id,
            "public_id": secrets.token_urlsafe(12),
            "canonical_id": person_id,
            "full_name": row.full_name,
            "sort_name": sort_key(row.full_name or ""),
            "native_name": row.native_name,
            "search_name": searchable(row.full_name, row.native_name),
            "search_organisation": organisations[row.organisation],
            "sector": row.sector,
            "organisation": row.organisation,
            "job_title": row.job_title,
            "gender": row.gender,
            "locale": "en",
            "created_at": at,
        }
        for person_id, row in zip(ids, rows, strict=True)
    ]
    emails = [
        {"person_id": person_id, "address": row.email, "key": row.key, "is_primary": True}
        for person_id, row in zip(ids, rows, strict=True)
    ]
    homes = [
        {"person_id": person_id, "country_id": countries[row.country], "since": BEGINNING}
        for person_id, row in zip(ids, rows, strict=True)
        if row.country is not None
    ]
    insert_many(Person.__table__, people)
    insert_many(PersonEmail.__table__, emails)
    insert_many(PersonCountry.__table__, homes)
    ask_for_comparison(ids, at=at)
    return ids


def _update(
    matched: list[tuple[PersonRow, int]], countries: dict[str, int], notes: list[str], *, by: Actor, at: datetime
) -> list[int]:
    """Brings known people up to date; returns who was changed."""
    if not matched:
        return []
    ids = [person_id for _row, person_id in matched]
    profiles = _profiles(ids)
    changes, moves, unchanged = _compare(matched, profiles, countries_of(ids, at.date()), countries)
    if unchanged:
        notes.append(
            _n(
                "%(num)s person has an account: their profile stays as it is.",
                "%(num)s people have an account: their profiles stay as they are.",
                unchanged,
            )
        )
    for person_id in _write(changes, profiles):
        publish(PersonNameCorrected(by=by, at=at, person_id=person_id))
    traits = sorted(who for who, values in changes.items() if {"sector", "gender"} & values.keys())
    if traits:
        publish(PeopleTraitsChanged(by=by, at=at, person_ids=tuple(traits)))
    ask_for_comparison([who for who, values in changes.items() if COMPARED & values.keys()], at=at)
    _move(moves, today=at.date(), by=by, at=at)
    return list(dict.fromkeys([*changes, *moves]))


def _compare(
    matched: list[tuple[PersonRow, int]],
    profiles: dict[int, Any],
    current_countries: dict[int, int | None],
    countries: dict[str, int],
) -> tuple[dict[int, dict[str, Any]], dict[int, int], int]:
    """The fields to write and the new countries, by person, and how many keep their profile as they have an account."""
    changes: dict[int, dict[str, Any]] = {}
    moves: dict[int, int] = {}
    unchanged = 0
    for row, person_id in matched:
        has_account = profiles[person_id].has_account
        differs, filled = _differences(row, profiles[person_id])
        if written := filled if has_account else differs:
            changes[person_id] = written
        before = current_countries[person_id]
        country = countries[row.country] if row.country else before
        if country is not None and country != before and (before is None or not has_account):
            moves[person_id] = country
        elif has_account and (len(filled) < len(differs) or country != before):
            unchanged += 1
    return changes, moves, unchanged


def _differences(row: PersonRow, before: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what a row says otherwise than the profile, and the part of it that the profile lacks."""
    given = {name: getattr(row, name) for name in ("full_name", *_PERSONAL)}
    differs = {name: value for name, value in given.items() if value and getattr(before, name) != value}
    return differs, {name: value for name, value in differs.items() if not getattr(before, name)}


def _write(changes: dict[int, dict[str, Any]], before: dict[int, Any]) -> list[int]:
    """Writes the changed fields of people; returns whose names changed."""
    renamed = [who for who, values in changes.items() if {"full_name", "native_name"} & values.keys()]
    for who in renamed:
        changes[who]["name_confirmed_at"] = None
        if "full_name" in changes[who]:
            changes[who]["sort_name"] = sort_key(changes[who]["full_name"])
        names = [changes[who].get(name, getattr(before[who], name)) for name in ("full_name", "native_name")]
        changes[who]["search_name"] = searchable(*names)
    for values in changes.values():
        if "organisation" in values:
            values["search_organisation"] = searchable(values["organisation"])
    for columns in {tuple(sorted(values)) for values in changes.values()}:
        group = [{"id": who, **values} for who, values in changes.items() if tuple(sorted(values)) == columns]
        db.session.execute(update(Person), group)
    db.session.expire_all()
    return renamed


def _profiles(ids: list[int]) -> dict[int, Any]:
    query = (
        select(
            Person.id,
            Person.full_name,
            Person.native_name,
            Person.sector,
            Person.organisation,
            Person.job_title,
            Person.gender,
            Account.password_hash.is_not(None).label("has_account"),
        )
        .outerjoin(Account, Account.person_id == Person.id)
        .where(among(Person.id, ids))
    )
    return {row.id: row for row in db.session.execute(query)}


def _move(moves: dict[int, int], *, today: date, by: Actor, at: datetime) -> None:
    """A new country applies from today; a first country applies from the beginning."""
    history: set[int] = set()
    same_day: dict[int, int] = {}
    for chunk in chunks(list(moves)):
        query = (
            select(Person.canonical_id, PersonCountry.id, PersonCountry.since, PersonCountry.person_id)
            .join(Person, Person.id == PersonCountry.person_id)
            .where(Person.canonical_id.in_(chunk))
        )
        for person_id, row_id, since, owner in db.session.execute(query):
            if person_id is not None:
                history.add(person_id)
            if since == today and owner == person_id:
                same_day[owner] = row_id
    added = [
        {"person_id": who, "country_id": country, "since": today if who in history else BEGINNING}
        for who, country in moves.items()
        if who not in same_day
    ]
    if added:
        db.session.execute(insert(PersonCountry), added)
    replaced = [{"id": same_day[who], "country_id": country} for who, country in moves.items() if who in same_day]
    if replaced:
        db.session.execute(update(PersonCountry), replaced)
    for since, who in ((today, moves.keys() & history), (BEGINNING, moves.keys() - history)):
        if who:
            publish(PeopleCountriesChanged(by=by, at=at, person_ids=tuple(sorted(who)), since=since))
