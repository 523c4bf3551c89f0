"""A tally: of one lecture, who attended, as bitmaps of people, and what adds up, in cells.

People are counted once in whatever slice, so they are kept as bitmaps that can be united and intersected: one for each
country, sector, gender and source. Attendances and minutes add up, so they stand as sums, one cell for each
combination of the four. No database here: rows come in, figures go out.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from pyroaring import BitMap

from lms.attendance.models.evidence import Source
from lms.people.models import Gender, Sector

AXES: Final = ("country", "sector", "gender", "source")
"""What people of a lecture differ in."""

# The stored form: new members are added at the end, none is ever moved or taken away
SECTORS: Final[tuple[str | None, ...]] = (None, "government", "business", "academia", "civil_society", "other")
GENDERS: Final[tuple[str | None, ...]] = (None, "female", "male", "other")
SOURCES: Final[tuple[str | None, ...]] = (None, "live", "import", "group", "replay", "manual")
assert {*SECTORS} >= {*Sector} and {*GENDERS} >= {*Gender} and {*SOURCES} >= {*Source}  # noqa: PT018

Value = int | str | None
_SECTOR = {value: index << 8 for index, value in enumerate(SECTORS)}
_GENDER = {value: index << 4 for index, value in enumerate(GENDERS)}
_SOURCE = {value: index for index, value in enumerate(SOURCES)}
_MASKS: Final = {"country": 0xFFFFF000, "sector": 0xF00, "gender": 0xF0, "source": 0xF}
_HEAD = struct.Struct("<II")
_SIZE = struct.Struct("<I")


class Attended(NamedTuple):
    """One attendance: the person (canonical id), what they were at the time, and the milliseconds present."""

    person: int
    country: int | None
    sector: str | None
    gender: str | None
    source: str
    ms: int


class Cells(NamedTuple):
    """Sums by combination, as columns of equal length."""

    codes: array[int]
    amounts: array[int]
    ms: array[int]


def code_of(country: int | None, sector: str | None, gender: str | None, source: str | None) -> int:
    """A combination as one number; ids of countries are below 2**20, and 0 is not stated."""
    return (country or 0) << 12 | _SECTOR[sector] | _GENDER[gender] | _SOURCE[source]


def values_of(code: int) -> tuple[int | None, str | None, str | None, str | None]:
    """The combination that a number stands for, in the order of `AXES`."""
    return (code >> 12 or None, SECTORS[code >> 8 & 15], GENDERS[code >> 4 & 15], SOURCES[code & 15])


def mask_of(axes: Collection[str]) -> int:
    """What of a code is kept where only these axes matter."""
    return sum(_MASKS[axis] for axis in axes)


class Tally:
    """Who attended one lecture. `by` has bitmaps of people by axis and value; `people` holds all of them.

    `day` is the one on which countries were read. One that came from the cache is shared: never change it.
    """

    __slots__ = ("_rolled", "by", "cells", "day", "people")

    def __init__(self, day: date, people: BitMap, by: dict[str, dict[Any, BitMap]], cells: Cells) -> None:
        self.day, self.people, self.by, self.cells = day, people, by, cells
        self._rolled: dict[int, Cells] = {}

    def rolled(self, mask: int) -> Cells:
        """The cells with all that is not of these axes put together; kept for the next time."""
        found = self._rolled.get(mask)
        if found is None:
            amounts: dict[int, int] = defaultdict(int)
            sums: dict[int, int] = defaultdict(int)
            for code, amount, ms in zip(*self.cells, strict=True):
                amounts[code & mask] += amount
                sums[code & mask] += ms
            found = self._rolled[mask] = _columns({code: (amounts[code], sums[code]) for code in amounts})
        return found

    def code(self, person: int) -> int:
        """The combination under which a person attended."""
        found: list[Any] = [next(value for value, people in self.by[axis].items() if person in people) for axis in AXES]
        return code_of(*found)

    def people_in(self, code: int) -> BitMap:
        """The people of one combination."""
        values = zip(AXES, values_of(code), strict=True)
        empty = BitMap()
        return BitMap.intersection(*(self.by[axis].get(value, empty) for axis, value in values))

    def remove(self, person: int) -> int:
        """Takes somebody out of the bitmaps; returns the combination, whose sums are then to be set."""
        code = self.code(person)
        self.people.remove(person)
        for axis, value in zip(AXES, values_of(code), strict=True):
            people = self.by[axis][value]
            people.remove(person)
            if not people:
                del self.by[axis][value]
        return code

    def add(self, row: Attended) -> int:
        """Puts somebody into the bitmaps; returns the combination, whose sums are then to be set."""
        self.people.add(row.person)
        for axis, value in zip(AXES, row[1:5], strict=True):
            self.by[axis].setdefault(value, BitMap()).add(row.person)
        return code_of(*row[1:5])

    def sums_of(self, codes: Collection[int]) -> dict[int, tuple[int, int]]:
        """(attendances, milliseconds) of some combinations as they stand."""
        found = {code: (amount, ms) for code, amount, ms in zip(*self.cells, strict=True)}
        return {code: found.get(code, (0, 0)) for code in codes}

    def set_sums(self, sums: dict[int, tuple[int, int]]) -> None:
        """Sets (attendances, milliseconds) of some combinations."""
        found = {code: (amount, ms) for code, amount, ms in zip(*self.cells, strict=True)} | sums
        self.cells = _columns({code: pair for code, pair in found.items() if pair[0]})
        self._rolled.clear()


def build(day: date, rows: Iterable[Attended]) -> Tally:
    """The tally of these attendances, of which each person has one."""
    people: dict[int, list[int]] = defaultdict(list)
    ms: dict[int, int] = defaultdict(int)
    for row in rows:
        code = code_of(row.country, row.sector, row.gender, row.source)
        people[code].append(row.person)
        ms[code] += row.ms
    gathered: dict[str, dict[Value, list[int]]] = {axis: defaultdict(list) for axis in AXES}
    for code, found in people.items():
        for axis, value in zip(AXES, values_of(code), strict=True):
            gathered[axis][value] += found
    return Tally(
        day,
        BitMap([person for found in people.values() for person in found]),
        {axis: {value: BitMap(found) for value, found in values.items()} for axis, values in gathered.items()},
        _columns({code: (len(found), ms[code]) for code, found in people.items()}),
    )


def _columns(sums: dict[int, tuple[int, int]]) -> Cells:
    codes = sorted(sums)
    return Cells(
        array("I", codes), array("I", [sums[code][0] for code in codes]), array("Q", [sums[code][1] for code in codes])
    )


def pack(tally: Tally) -> tuple[bytes, bytes]:
    """The stored form: the bitmaps, and the cells."""
    parts = [_packed(0, tally.people)]
    for axis in AXES:
        values = tally.by[axis]
        parts.append(_SIZE.pack(len(values)))
        parts += [_packed(_number(axis, value), people) for value, people in values.items()]
    columns = [array(column.typecode, column) for column in tally.cells]
    if sys.byteorder == "big":
        for column in columns:
            column.byteswap()
    return b"".join(parts), _SIZE.pack(len(columns[0])) + b"".join(column.tobytes() for column in columns)


def _packed(number: int, people: BitMap) -> bytes:
    people.run_optimize()
    content = people.serialize()
    return _HEAD.pack(number, len(content)) + content


def _number(axis: str, value: Value) -> int:
    code = code_of(*(value if name == axis else None for name in AXES))  # type: ignore[arg-type]
    return code >> 12 if axis == "country" else code


def _value(axis: str, number: int) -> Value:
    return values_of(number << 12 if axis == "country" else number)[AXES.index(axis)]


def unpack(day: date, bitmaps: bytes, cells: bytes) -> Tally:
    """The tally of a stored form."""
    at = 0

    def read() -> tuple[int, BitMap]:
        nonlocal at
        number, length = _HEAD.unpack_from(bitmaps, at)
        at += _HEAD.size + length
        return number, BitMap.deserialize(bitmaps[at - length : at])

    _zero, people = read()
    by: dict[str, dict[Any, BitMap]] = {}
    for axis in AXES:
        (amount,) = _SIZE.unpack_from(bitmaps, at)
        at += _SIZE.size
        values = by[axis] = {}
        for _index in range(amount):
            number, found = read()
            values[_value(axis, number)] = found
    (length,) = _SIZE.unpack_from(cells)
    columns = []
    start = _SIZE.size
    for typecode in "IIQ":
        column = array(typecode)
        end = start + length * column.itemsize
        column.frombytes(cells[start:end])
        if sys.byteorder == "big":
            column.byteswap()
        columns.append(column)
        start = end
    return Tally(day, people, by, Cells(*columns))
