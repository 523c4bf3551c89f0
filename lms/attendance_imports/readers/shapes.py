"""Tables as they are, whatever their headings say: columns recognised by what is in them, and cells that were torn."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import Heading
from lms.attendance_imports.readers.report import Report
from lms.core.text.i18n import _

Line = tuple[int, list[str]]
_LOOKED_AT = 50


def open_table(report: Report, heading: Heading, rows: Sequence[Line]) -> tuple[Heading, list[Line]]:
    """The headings and rows of a table of people, the first step of every reader.

    Times that were split in two are joined, an address column is recognised by its cells, and each such repair is noted
    in the report.
    """
    whole = _without_remarks([(line, mended(cells, heading.width)) for line, cells in rows])
    table_heading = _with_other_time(_with_address(_with_name(heading, whole), whole), whole)
    guessed = {name for name in table_heading.columns if name not in heading.columns}
    for name in sorted(guessed | heading.near, key=lambda name: table_heading.columns[name]):
        note = _("“%(heading)s” is read as %(meaning)s.", heading=table_heading.words(name), meaning=meaning_of(name))
        if note not in report.notes:
            report.notes.append(note)
    report.not_read += [cell for cell in table_heading.unknown if cell not in report.not_read]
    return table_heading, whole


_MEANINGS = {"joined": "joined_at", "left": "left_at", "duration": "minutes", "registrant": "registrant_id",
             "waiting": "waiting_room"}  # fmt: skip


def meaning_of(field: str) -> str:
    """A field by the name that a mapping gives it."""
    return _MEANINGS.get(field, field)


def mended(cells: list[str], width: int) -> list[str]:
    """A row of more cells than headings, in which a date and its time of the day became two; now they are one again."""
    if not 0 < width < len(cells) or not any(cells[width:]):
        return cells
    made: list[str] = []
    for cell in cells:
        whole = f"{made[-1].rstrip(', ')}, {cell}" if made and cell else ""
        if whole and timestamps.read(made[-1]) is None and timestamps.read(whole) is not None:
            made[-1] = whole
        else:
            made.append(cell)
    return made


def _without_remarks(rows: list[Line]) -> list[Line]:
    """The rows without what is written beneath them: lines of one cell with a number or a colon."""
    while len(rows) > 1 and is_alone(rows[-1][1]) and any(mark.isdigit() or mark in ":：" for mark in rows[-1][1][0]):
        rows = rows[:-1]
    return rows


def _with_other_time(heading: Heading, rows: Sequence[Line]) -> Heading:
    """Adds the leave to a known join, or the join to a known leave: where exactly one unread column holds only times.

    Without it, presence would be made of one time and a sum that may cover several stays.
    """
    missing = {"joined", "left"} - heading.columns.keys()
    if len(missing) != 1:
        return heading
    timed = [index for index in columns_of(rows, is_time, heading.width) if index in heading.unread]
    if len(timed) != 1:
        return heading
    return replace(heading, columns={**heading.columns, missing.pop(): timed[0]})


def _with_name(heading: Heading, rows: Sequence[Line]) -> Heading:
    """`Participants` above names, where it elsewhere says how many there were."""
    index = heading.columns.get("people")
    if index is None or heading.columns.keys() & {"name", "first_name", "last_name"}:
        return heading
    cells = [row[index] for _line, row in rows[:_LOOKED_AT] if index < len(row) and row[index]]
    if not cells or all(cell.isdigit() for cell in cells):
        return heading
    return replace(heading, columns={**heading.columns, "name": index})


def _with_address(heading: Heading, rows: Sequence[Line]) -> Heading:
    """Adds an address column with an unknown heading, where no known one holds any: of several, the one with the most
    values.
    """
    there = heading.columns.get("email")
    if there is not None and any("@" in heading.cell(row, "email") for _line, row in rows):
        return heading
    taken = set(heading.columns.values()) - {there}
    places = [index for index in columns_of(rows, is_address, heading.width) if index not in taken]
    if not places:
        return heading
    best = max(places, key=lambda index: len({row[index] for _line, row in rows if index < len(row)}))
    return replace(heading, columns={**heading.columns, "email": best})


def with_shapes(heading: Heading, rows: Sequence[Line]) -> Heading:
    """The heading, with the columns of the join and the leave (in this order) and the duration found by their cells
    where their own headings mean nothing."""
    columns = dict(heading.columns)
    if "joined" not in columns or "left" not in columns:
        timed = columns_of(rows, is_time, heading.width)
        if len(timed) >= 2:
            columns["joined"], columns["left"] = timed[:2]
    taken = {columns[name] for name in columns if name != "duration"}
    lasting = [index for index in columns_of(rows, _is_duration, heading.width) if index not in taken]
    if "duration" not in columns and lasting:
        columns["duration"] = lasting[0]
    if "name" not in columns and 0 not in columns.values():
        columns["name"] = 0
    return replace(heading, columns=columns)


def columns_of(rows: Sequence[Line], fits: Callable[[str], bool], width: int) -> list[int]:
    """The columns whose cells, as far as there are any, are mostly of a shape."""
    places = []
    for index in range(width):
        cells = [row[index] for _line, row in rows[:_LOOKED_AT] if index < len(row) and row[index]]
        if cells and sum(map(fits, cells)) * 2 > len(cells):
            places.append(index)
    return places


def is_time(cell: str) -> bool:
    """Whether a cell is a time, with or without its day."""
    return timestamps.read(cell) is not None or timestamps.read_clock(cell) is not None


def _is_duration(cell: str) -> bool:
    return timestamps.duration_ms(cell) is not None


def is_address(cell: str) -> bool:
    """Whether a cell is an e-mail address."""
    return "@" in cell and "#" not in cell and " " not in cell


def is_alone(cells: Collection[str]) -> bool:
    """Whether only the first cell of a line says anything, as in the title of a part."""
    return sum(1 for cell in cells if cell) == 1 and next(iter(cells)) != ""
