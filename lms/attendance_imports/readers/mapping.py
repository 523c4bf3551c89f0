"""Tables with unknown headings: their preview, and how they are read once their meaning is set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import Heading, is_value, plain
from lms.attendance_imports.readers.shapes import is_address, is_time, meaning_of
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.vocabulary import WORDS
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed

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
    "waiting_room": "waiting",
    "registrant_id": "registrant",
}
"""What a column may mean, and the field that it is."""
_EXAMPLES = 3
_LOOKED_AT = 200
_LONGEST = 80


@dataclass(frozen=True)
class PreviewedColumn:
    """One column: the key by which a mapping names it (its heading, or #3), what its first rows say, and what its
    heading seems to mean (nothing: unknown)."""

    key: str
    examples: list[str]
    guess: str


@dataclass(frozen=True)
class ColumnPreview:
    """A preview of the columns of a table: the place of its headings (-1: it has none, and each column is named by its
    number), its columns, and what identifies the headings.
    """

    place: int
    columns: list[PreviewedColumn]
    signature: str


class UnknownHeadings(Invalid):
    """A table with columns of unknown meaning (`mapping`). `column_preview` has what to ask about."""

    def __init__(self, column_preview: ColumnPreview, reason: str = "") -> None:
        headings = listed(column.key for column in column_preview.columns)
        super().__init__(
            "mapping",
            reason
            or _("The headings do not show who attended and when. Select what each column means: %(headings)s.",
                 headings=headings),
        )  # fmt: skip
        self.column_preview = column_preview


class RecalledColumns(Invalid):
    """The questions that a table leaves open whose columns are read as set for an earlier file. `column_preview` as
    above."""

    def __init__(self, column_preview: ColumnPreview, faults: Sequence[Fault]) -> None:
        super().__init__(faults=faults)
        self.column_preview = column_preview


def column_preview_of(document: Document) -> ColumnPreview | None:
    """Looks at a table; None where there is none: no line of two cells or more with another one beneath."""
    for place, (_line, cells) in enumerate(document.lines[:-1]):
        if sum(map(bool, cells)) > 1:
            values = sum(map(is_value, cells))
            if not values:
                return _column_preview(document, place)
            if values > 1 and sum(map(is_time, cells)):
                return _column_preview(document, -1)
    return None


def _column_preview(document: Document, place: int) -> ColumnPreview:
    rows = [cells for _line, cells in document.lines[place + 1 : place + 1 + _LOOKED_AT]]
    columns: list[PreviewedColumn] = []
    for index, key in _keys(document, place):
        values = dict.fromkeys(cell for row in rows for cell in row[index : index + 1] if cell)
        examples = [cell if len(cell) <= _LONGEST else cell[:_LONGEST] + "…" for cell in list(values)[:_EXAMPLES]]
        if examples or not key.startswith("#"):
            columns.append(PreviewedColumn(key, examples, _guess(key, examples, {one.guess for one in columns})))
    keys = "|".join(plain(column.key) for column in columns)
    return ColumnPreview(place, columns, sha256(keys.encode()).hexdigest())


def _keys(document: Document, place: int) -> list[tuple[int, str]]:
    """The columns with their keys: the heading, or the number where there is none or it is there twice."""
    if place < 0:
        return [(index, f"#{index + 1}") for index in range(max(len(cells) for _line, cells in document.lines))]
    cells = document.lines[place][1]
    beneath = document.lines[place + 1][1] if place + 1 < len(document.lines) else []
    seen: set[str] = set()
    keys = []
    for index in range(max(len(cells), len(beneath))):
        cell = cells[index] if index < len(cells) else ""
        key = f"#{index + 1}" if not cell or plain(cell) in seen else cell
        seen.add(plain(cell))
        keys.append((index, key))
    return keys


def _guess(heading: str, examples: list[str], taken: set[str]) -> str:
    """The suggested meaning of a column, by its heading or content. The user decides."""
    field = WORDS.field(heading) or WORDS.near(heading) or ""
    meaning = meaning_of(field)
    field_name = (timestamps.unit_in(heading) or "") if field == "duration" else meaning if meaning in FIELDS else ""
    if not field_name and examples and all(map(is_address, examples)):
        field_name = "email"
    elif not field_name and examples and all(map(is_time, examples)):
        field_name = "left_at" if "joined_at" in taken else "joined_at"
    return field_name if field_name not in taken else ""


def mapped(document: Document, mapping: Mapping[str, str]) -> tuple[Heading, str | None]:
    """The headings with the meanings set by the user, and the unit of the duration. Raises Invalid (`mapping`)."""
    meanings = {key: meaning for key, meaning in mapping.items() if meaning}
    _check_are_known(meanings)
    place = _place_of(document, meanings)
    indexes = {_plain_key(key): index for index, key in _keys(document, place)}
    columns: dict[str, int] = {}
    for key, meaning in meanings.items():
        field = FIELDS[meaning]
        if field in columns:
            raise Invalid("mapping", _("Only one column can be “%(meaning)s”.", meaning=meaning))
        columns[field] = indexes[_plain_key(key)]
    _check_are_enough(columns)
    unit = next((meaning for meaning in meanings.values() if meaning in timestamps.UNITS), None)
    if place < 0:
        return Heading(place, 0, [], columns), unit
    line, cells = document.lines[place]
    named = {_plain_key(key) for key in mapping}
    unread = [index for key, index in indexes.items() if key not in named and index < len(cells) and cells[index]]
    return Heading(place, line, cells, columns, unread=unread), unit


def _check_are_known(meanings: Mapping[str, str]) -> None:
    for key, meaning in meanings.items():
        if meaning not in FIELDS:
            raise Invalid(
                "mapping",
                _("“%(key)s” cannot be “%(meaning)s”. Use one of: %(names)s.", key=key, meaning=meaning,
                  names=listed(FIELDS)),
            )  # fmt: skip


def _check_are_enough(columns: Mapping[str, int]) -> None:
    """Raises Invalid where the columns do not show who attended, and when or for how long."""
    is_timed = {"joined", "left"} <= columns.keys() or "duration" in columns
    if not is_timed or not columns.keys() & {"email", "name", "first_name", "last_name"}:
        raise Invalid("mapping", _("Select the column with the e-mail address or the name, and the columns "
                                   "that show when people joined and left or how long they stayed."))  # fmt: skip


def _place_of(document: Document, meanings: Mapping[str, str]) -> int:
    """The place of the line with these headings; -1 where columns are named by number. Raises Invalid."""
    places = range(-1 if all(key.startswith("#") for key in meanings) else 0, len(document.lines))
    place = next((place for place in places if _has(document, place, meanings)), None)
    if place is None:
        raise Invalid("mapping", _("No line in this file has the headings %(names)s.", names=listed(meanings)))
    return place


def _has(document: Document, place: int, mapping: Mapping[str, str]) -> bool:
    keys = {_plain_key(key) for _index, key in _keys(document, place)}
    return bool(mapping) and all(_plain_key(key) in keys for key in mapping)


def _plain_key(key: str) -> str:
    return key if key.startswith("#") else plain(key)
