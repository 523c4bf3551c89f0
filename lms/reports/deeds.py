"""Registrations or awards of one series as cells: how many on which day, of which country, sector and gender."""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from enum import Enum

from pyroaring import BitMap

Deed = tuple[int, int, int, int, int]
"""Year, month, day, code of the combination (see `attendance.tallies`), how many. What the grain leaves open is 1 or,
of the day, 0."""


class Grain(Enum):
    """What a question asks to tell apart."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    ALL = "all"


class Deeds:
    """The cells of one series, and its people (canonical ids). Shared once made: read only."""

    __slots__ = ("_codes", "_days", "_rolled", "_sums", "people")

    def __init__(self, counted: Mapping[tuple[int, int], int], people: Iterable[int]) -> None:
        """`counted` has a number for each (ordinal of the day, code)."""
        order = sorted(counted)
        days, codes = [day for day, _code in order], [code for _day, code in order]
        self._take(array("I", days), array("I", codes), array("I", [counted[key] for key in order]), BitMap(people))

    def _take(self, days: array[int], codes: array[int], sums: array[int], people: BitMap) -> None:
        self._days, self._codes, self._sums, self.people = days, codes, sums, people
        self._rolled: dict[tuple[int, Grain], list[Deed]] = {}

    def pack(self) -> tuple[bytes, bytes]:
        """The stored form: the cells, and the people."""
        columns = [array("I", column) for column in (self._days, self._codes, self._sums)]
        if sys.byteorder == "big":
            for column in columns:
                column.byteswap()
        return zlib.compress(b"".join(column.tobytes() for column in columns), 1), self.people.serialize()

    @classmethod
    def unpack(cls, cells: bytes, people: bytes) -> Deeds:
        """What a stored form says."""
        content = zlib.decompress(cells)
        columns = []
        length = len(content) // 3
        for start in range(0, 3 * length, length) if length else (0, 0, 0):
            column = array("I", content[start : start + length])
            if sys.byteorder == "big":
                column.byteswap()
            columns.append(column)
        made = cls.__new__(cls)
        days, codes, sums = columns
        made._take(days, codes, sums, BitMap.deserialize(people))
        return made

    def by_days(self, mask: int, first: date | None, last: date | None) -> Iterator[Deed]:
        """Cells of each day from `first` to `last`, with what the mask leaves of their combination."""
        start = 0 if first is None else bisect_left(self._days, first.toordinal())
        end = len(self._days) if last is None else bisect_left(self._days, last.toordinal() + 1)
        known: dict[int, date] = {}
        for at in range(start, end):
            number = self._days[at]
            day = known.get(number)
            if day is None:
                day = known[number] = date.fromordinal(number)
            yield day.year, day.month, day.day, self._codes[at] & mask, self._sums[at]

    def within(self, mask: int, grain: Grain, first: date | None, last: date | None) -> Iterable[Deed]:
        """The same put together as coarsely as the question allows: `grain` is what it asks to tell apart."""
        if grain is Grain.DAY:
            return self.by_days(mask, first, last)
        if first is None and last is None:
            return self._coarse(mask, grain)
        starts = first is None or (first.month, first.day) == (1, 1)
        ends = last is None or (last.month, last.day) == (12, 31)
        if grain is not Grain.MONTH and starts and ends:
            low, high = first.year if first else 0, last.year if last else 10_000
            return (deed for deed in self._coarse(mask, Grain.YEAR) if low <= deed[0] <= high)
        return self._by_months(mask, first, last)

    def _by_months(self, mask: int, first: date | None, last: date | None) -> Iterator[Deed]:
        """By whole months; only where the period cuts one, by days."""
        whole_from, whole_to = _first_whole(first), _last_whole(last)
        if first is not None and last is not None and (whole_to is None or whole_from is None or whole_from > whole_to):
            yield from self.by_days(mask, first, last)
            return
        if first is not None and whole_from is not None and whole_from > (first.year, first.month):
            yield from self.by_days(mask, first, _end_of(first))
        for deed in self._coarse(mask, Grain.MONTH):
            month = deed[:2]
            if (whole_from is None or month >= whole_from) and (whole_to is None or month <= whole_to):
                yield deed
        if last is not None and whole_to is not None and whole_to < (last.year, last.month):
            yield from self.by_days(mask, last.replace(day=1), last)

    def _coarse(self, mask: int, grain: Grain) -> list[Deed]:
        found = self._rolled.get((mask, grain))
        if found is None:
            sums: Counter[tuple[int, int, int]] = Counter()
            by_month, by_year = grain is Grain.MONTH, grain is not Grain.ALL
            for year, month, _day, code, amount in self.by_days(mask, None, None):
                sums[year if by_year else 1, month if by_month else 1, code] += amount
            found = [(year, month, 0, code, amount) for (year, month, code), amount in sums.items()]
            self._rolled[mask, grain] = found
        return found


def _end_of(day: date) -> date:
    return date.max if (day.year, day.month) == (9999, 12) else _next_month(day) - timedelta(days=1)


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _first_whole(first: date | None) -> tuple[int, int] | None:
    """The first month that lies wholly after the start of a period."""
    if first is None:
        return None
    if first.day == 1:
        return first.year, first.month
    return first.year + first.month // 12, first.month % 12 + 1


def _last_whole(last: date | None) -> tuple[int, int] | None:
    if last is None:
        return None
    if last == _end_of(last):
        return last.year, last.month
    return (last.year, last.month - 1) if last.month > 1 else (last.year - 1, 12)


def month_name(year: int, month: int) -> str:
    """The month as "2021-03"."""
    return f"{year:04}-{month:02}"
