"""Tables whose headings nobody knows: what is shown of them, and how they are read once somebody said what is what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from lms.attendance import instants
from lms.attendance.formats.headings import WORDS, Heading, plain
from lms.attendance.formats.sheets import Document
from lms.core.errors import Invalid
from lms.core.words import _

FIELDS = {
    "email": "email",
    "name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "date": "date",
    "joined_at": "joined",
    "left_at": "left",
    "minutes": "duration",
    "seconds": "duration",
    "hours": "duration",
    "registrant_id": "registrant",
}
"""What a column may mean, and the field that it is."""
_MEANINGS = {field: meaning for meaning, field in FIELDS.items() if field != "duration"}
_EXAMPLES = 3
_LOOKED_AT = 200
_LONGEST = 80


@dataclass(frozen=True)
class Column:
    """One column: the key by which a mapping names it (its heading, or #3), what its first rows say, and what its
    heading seems to mean (nothing: unknown)."""

    key: str
    examples: list[str]
    guess: str


@dataclass(frozen=True)
class Glimpse:
    """What can be shown of a table: the place of its headings, its columns, and what identifies the headings."""

    place: int
    columns: list[Column]
    signature: str


class UnknownHeadings(Invalid):
    """A table, but nobody knows what its columns mean (`mapping`). `glimpse` is what to ask about."""

    def __init__(self, glimpse: Glimpse, reason: str = "") -> None:
        headings = ", ".join(column.key for column in glimpse.columns)
        super().__init__(
            "mapping",
            reason
            or _("The headings do not say who was there, and when. Say what each column means: %(headings)s.",
                 headings=headings),
        )  # fmt: skip
        self.glimpse = glimpse


def glimpse_of(document: Document) -> Glimpse | None:
    """Looks at a table; None where there is none: no line of two cells or more with another one beneath."""
    for place, (_line, cells) in enumerate(document.lines[:-1]):
        if sum(map(bool, cells)) > 1 and not any(map(_is_value, cells)):
            return _glimpse(document, place)
    return None


def _is_value(cell: str) -> bool:
    """Whether a cell is no heading but what stands beneath one."""
    return "@" in cell or instants.read(cell) is not None or cell.replace(".", "").replace(":", "").isdigit()


def _glimpse(document: Document, place: int) -> Glimpse:
    rows = [cells for _line, cells in document.lines[place + 1 : place + 1 + _LOOKED_AT]]
    columns: list[Column] = []
    for index, key in _keys(document, place):
        found = dict.fromkeys(cell for row in rows for cell in row[index : index + 1] if cell)
        examples = [cell if len(cell) <= _LONGEST else cell[:_LONGEST] + "…" for cell in list(found)[:_EXAMPLES]]
        if examples or not key.startswith("#"):
            columns.append(Column(key, examples, _guess(key, examples, {one.guess for one in columns})))
    said = "|".join(plain(column.key) for column in columns)
    return Glimpse(place, columns, sha256(said.encode()).hexdigest())


def _keys(document: Document, place: int) -> list[tuple[int, str]]:
    """The columns with their keys: the heading, or the number where there is none or it stood before."""
    cells = document.lines[place][1]
    beneath = document.lines[place + 1][1] if place + 1 < len(document.lines) else []
    seen: set[str] = set()
    found = []
    for index in range(max(len(cells), len(beneath))):
        cell = cells[index] if index < len(cells) else ""
        key = f"#{index + 1}" if not cell or plain(cell) in seen else cell
        seen.add(plain(cell))
        found.append((index, key))
    return found


def _guess(heading: str, examples: list[str], taken: set[str]) -> str:
    """What a column seems to be, by its heading, else by what stands in it: it is shown, and somebody decides."""
    field = WORDS.field(heading) or ""
    found = (instants.unit_in(heading) or "") if field == "duration" else _MEANINGS.get(field, "")
    if not found and examples and all("@" in one for one in examples):
        found = "email"
    elif not found and examples and all(instants.read(one) for one in examples):
        found = "left_at" if "joined_at" in taken else "joined_at"
    return found if found not in taken else ""


def mapped(document: Document, mapping: Mapping[str, str]) -> tuple[Heading, str | None]:
    """The headings as somebody said they are to be read, and the unit of the duration. Raises Invalid (`mapping`)."""
    known = {key: meaning for key, meaning in mapping.items() if meaning}
    for key, meaning in known.items():
        if meaning not in FIELDS:
            raise Invalid(
                "mapping",
                _("“%(key)s” cannot be “%(meaning)s”: a column is one of %(names)s.", key=key, meaning=meaning,
                  names=", ".join(FIELDS)),
            )  # fmt: skip
    place = next((place for place in range(len(document.lines)) if _has(document, place, known)), None)
    if place is None:
        raise Invalid("mapping", _("No line of this file has the headings %(names)s.", names=", ".join(known)))
    indexes = {_wanted(key): index for index, key in _keys(document, place)}
    columns: dict[str, int] = {}
    for key, meaning in known.items():
        field = FIELDS[meaning]
        if field in columns:
            raise Invalid("mapping", _("Two columns cannot both be “%(meaning)s”.", meaning=meaning))
        columns[field] = indexes[_wanted(key)]
    timed = {"joined", "left"} <= columns.keys() or "duration" in columns
    if not timed or not columns.keys() & {"email", "name", "first_name", "last_name"}:
        raise Invalid("mapping", _("Say which column is the e-mail address or the name, and which say when people came "
                                   "and left, or how long they stayed."))  # fmt: skip
    line, cells = document.lines[place]
    return Heading(place, line, cells, columns), next((one for one in known.values() if one in instants.UNITS), None)


def _has(document: Document, place: int, mapping: Mapping[str, str]) -> bool:
    keys = {_wanted(key) for _index, key in _keys(document, place)}
    return bool(mapping) and all(_wanted(key) in keys for key in mapping)


def _wanted(key: str) -> str:
    return key if key.startswith("#") else plain(key)
