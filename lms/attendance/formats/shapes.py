"""Columns recognised by what stands in them, for the languages whose headings are not known here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from lms.attendance import instants
from lms.attendance.formats.headings import Heading

Line = tuple[int, list[str]]
_LOOKED_AT = 50


def with_shapes(heading: Heading, rows: Sequence[Line]) -> Heading:
    """The heading, with the columns of the join and the leave (in this order), the duration and the address found by
    their cells where their own headings mean nothing."""
    columns = dict(heading.columns)
    if "joined" not in columns or "left" not in columns:
        timed = _columns(rows, _is_time, heading.width)
        if len(timed) >= 2:
            columns["joined"], columns["left"] = timed[:2]
    for field, fits in (("duration", _is_duration), ("email", _is_address)):
        taken = {columns[name] for name in columns if name != field}
        found = [index for index in _columns(rows, fits, heading.width) if index not in taken]
        if field not in columns and found:
            columns[field] = found[0]
    if "name" not in columns and 0 not in columns.values():
        columns["name"] = 0
    return replace(heading, columns=columns)


def _columns(rows: Sequence[Line], fits: Callable[[str], bool], width: int) -> list[int]:
    """The columns whose cells, as far as there are any, are mostly of a shape."""
    found = []
    for index in range(width):
        cells = [row[index] for _line, row in rows[:_LOOKED_AT] if index < len(row) and row[index]]
        if cells and sum(map(fits, cells)) * 2 > len(cells):
            found.append(index)
    return found


def _is_time(cell: str) -> bool:
    return instants.read(cell) is not None


def _is_duration(cell: str) -> bool:
    return instants.duration_ms(cell) is not None


def _is_address(cell: str) -> bool:
    return "@" in cell and "#" not in cell and " " not in cell


def is_alone(cells: Collection[str]) -> bool:
    """Whether only the first cell of a line says anything, as in the title of a part."""
    return sum(1 for cell in cells if cell) == 1 and next(iter(cells)) != ""
