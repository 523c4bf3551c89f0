"""The rows that filters leave of facts: a filter is a mask over the columns. No database, no clock."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import chain
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lms.attendance.facts import GENDERS, SECTORS, SOURCES, TRAITS, Column, Columns, gender_of, sector_of, source_of
from lms.reports.facts.segments import Segment, SegmentPart

PEOPLE: Final = frozenset({"country", "region", "partner", "sector", "gender", "source"})
"""The dimensions in which the people of one lecture differ."""

Values = frozenset[Hashable]


@dataclass(frozen=True)
class Filters:
    """Days, both included, and by dimension the inner values that are counted; None among them is *not stated*.
    `region` is the one whose countries are among them."""

    from_day: date | None = None
    to_day: date | None = None
    among: Mapping[str, Values] = field(default_factory=dict)
    region: str | None = None

    @property
    def by_people(self) -> bool:
        """Whether people are filtered, so that only sessions with one of them count."""
        return not PEOPLE.isdisjoint(self.among)

    def narrowed(self, keys: Mapping[str, Hashable]) -> "Filters":
        """The same of one group; `keys` has the inner key of each dimension that the group is of."""
        among = dict(self.among)
        for name, value in keys.items():
            values = frozenset({value})
            among[name] = values & among.get(name, values)
        return replace(self, among=among)


TRAITS_OF: Final = {"sector": (SECTORS, sector_of), "gender": (GENDERS, gender_of), "source": (SOURCES, source_of)}

Rows = NDArray[np.intp] | None
"""Places of rows in a segment; None is all of them."""
Numbers = NDArray[np.int64]


class HeldLecture(NamedTuple):
    """A lecture that was held: its series, its language, and the day of its actual start in the reporting zone."""

    id: int
    series_id: int
    language: str
    day: date


@dataclass(frozen=True)
class Facts:
    """All that is counted from. `lectures` are sessions; `partners` tells the days on which the partner countries
    changed, in order, with those from then on; the first day is the beginning of time."""

    lectures: Mapping[int, HeldLecture]
    attendances: Sequence[SegmentPart]
    registrations: Sequence[SegmentPart]
    certificates: Sequence[SegmentPart]
    regions: Mapping[int, str | None]
    languages: Mapping[int, str]
    partners: Callable[[], Sequence[tuple[date, frozenset[int]]]]
    ratings: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """Lecture → what it has released for *satisfaction*, see `facts.ratings`."""


TRAIT_NUMBERS: Final[Mapping[str, Numbers]] = {
    name: np.array([values.index(read(traits)) for traits in range(TRAITS)], np.int64)
    for name, (values, read) in TRAITS_OF.items()
}
"""By dimension the number of the value that each number of traits has."""


def _period(day: date, name: str) -> str:
    """The year as "2021", or the month as "2021-03"."""
    return f"{day.year:04}" if name == "year" else f"{day.year:04}-{day.month:02}"


def value_of(lecture: HeldLecture, name: str) -> Hashable:
    """The value of a dimension in which lectures differ."""
    if name == "series":
        return lecture.series_id
    return lecture.language if name == "language" else _period(lecture.day, name)


class FactSelection:
    """The rows of facts that filters leave."""

    def __init__(self, facts: Facts, filters: Filters) -> None:
        self.facts, self.filters = facts, filters
        self._numbers: dict[str, dict[Hashable, int]] = {}
        self._lists: dict[str, list[Hashable]] = {}
        self._countries = max(facts.regions, default=0) + 1
        self._rows: dict[int, tuple[Segment, NDArray[np.intp]]] = {}

    @cached_property
    def _days(self) -> tuple[date, ...]:
        """All days from the first registration or award to the last."""
        series = [*self.facts.registrations, *self.facts.certificates]
        days = [part.segment.columns["day"] for part in series if len(part.segment.owner)]
        if not days:
            return (date.min,)
        first, last = min(int(column.min()) for column in days), max(int(column.max()) for column in days)
        return tuple(map(date.fromordinal, range(first, last + 1)))

    @cached_property
    def _partners(self) -> Sequence[tuple[date, frozenset[int]]]:
        return self.facts.partners()

    # Dimensions: each value has a number

    def numbers(self, name: str) -> Mapping[Hashable, int]:
        """The number of each value that a dimension may have."""
        if name not in self._numbers:
            self._numbers[name] = {value: number for number, value in enumerate(dict.fromkeys(self._values(name)))}
        return self._numbers[name]

    def _values(self, name: str) -> Iterable[Hashable]:
        facts = self.facts
        if name in TRAITS_OF:
            return TRAITS_OF[name][0]
        if name == "country":
            return (None, *range(1, self._countries))
        if name == "region":
            return (None, *facts.regions.values())
        if name == "partner":
            return (False, True)
        if name == "series":
            return facts.languages
        lectures = facts.lectures.values()
        if name == "language":
            return (*facts.languages.values(), *(one.language for one in lectures))
        return (_period(day, name) for day in chain(self._days, (lecture.day for lecture in lectures)))

    def _place(self, part: SegmentPart, name: str) -> tuple[str, Numbers]:
        """Returns what of its rows a dimension is read from (see `index`), and the number of the value for each
        such."""
        if name in TRAITS_OF:
            return "traits", TRAIT_NUMBERS[name]
        facts, numbers = self.facts, self.numbers(name)
        if name in {"country", "region", "partner"}:
            countries = range(self._countries)
            if name == "partner":
                per_country = [numbers[one in partners] for _day, partners in self._partners for one in countries]
            elif name == "region":
                per_country = [numbers[facts.regions.get(country)] for country in countries]
            else:
                per_country = list(countries)
            return "partner" if name == "partner" else "country", np.array(per_country, np.int64)
        owners = part.segment.owners
        if part.segment.has_days:
            if name in {"year", "month"}:
                return "day", np.array([numbers[_period(day, name)] for day in self._days], np.int64)
            values = [owner if name == "series" else facts.languages.get(owner) for owner in owners]
            return "owner", np.array([numbers.get(value, 0) for value in values], np.int64)
        lectures = [facts.lectures.get(owner) for owner in owners]
        return "owner", np.array([numbers[value_of(lecture, name)] if lecture else 0 for lecture in lectures], np.int64)

    def _index(self, part: SegmentPart, name: str, rows: Rows) -> Column:
        """The owner, the country, the traits, the day, or the country with the day's partners, of some rows."""
        if name == "owner":
            return taken(part.segment.owner, rows)
        if name == "day":
            return taken(part.segment.columns["day"], rows) - np.uint32(self._days[0].toordinal())
        if name == "partner":
            return self._epochs(part, rows) * self._countries + taken(part.segment.columns["country"], rows)
        return taken(part.segment.columns[name], rows)

    def _epochs(self, part: SegmentPart, rows: Rows) -> Numbers:
        """Which of the days on which partners changed was the last one, for each row."""
        changes = [day.toordinal() for day, _partners in self._partners]
        if part.segment.has_days:
            return np.searchsorted(changes, taken(part.segment.columns["day"], rows), "right") - 1
        lectures = (self.facts.lectures.get(owner) for owner in part.segment.owners)
        days = [lecture.day.toordinal() if lecture else 1 for lecture in lectures]
        return np.array([bisect_right(changes, day) - 1 for day in days], np.int64)[taken(part.segment.owner, rows)]

    # Groups: each combination of values has a number, as in `numpy.ravel_multi_index`

    def size(self, dimensions: Sequence[str]) -> int:
        """How many groups there may be."""
        return prod(len(self.numbers(name)) for name in dimensions)

    def _steps(self, dimensions: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Each dimension, and by how much the number of a group grows with that of its value."""
        for place, name in enumerate(dimensions):
            yield name, self.size(dimensions[place + 1 :])

    def values(self, dimensions: Sequence[str], number: int) -> list[Hashable]:
        """The values of the group of a number."""
        values: list[Hashable] = []
        for name, step in self._steps(dimensions):
            values.append(self._listed(name)[number // step])
            number %= step
        return values

    def _listed(self, name: str) -> list[Hashable]:
        if name not in self._lists:
            self._lists[name] = list(self.numbers(name))
        return self._lists[name]

    def groups(self, part: SegmentPart, dimensions: Sequence[str], rows: Rows) -> Numbers:
        """The number of each row's group."""
        places: dict[str, Numbers] = {}
        for name, step in self._steps(dimensions):
            index, numbers = self._place(part, name)
            places[index] = places.get(index, 0) + numbers * step
        groups = np.zeros(len(part.segment.owner if rows is None else rows), np.int64) if not places else None
        for index, numbers in places.items():
            numbers_of = numbers.take(self._index(part, index, rows), mode="clip")
            groups = numbers_of if groups is None else groups + numbers_of
        assert groups is not None
        return groups

    def of_owners(self, part: SegmentPart, dimensions: Sequence[str]) -> Numbers:
        """The number of the group of each lecture of a part; `dimensions` are those in which lectures differ."""
        groups = np.zeros(len(part.segment.owners), np.int64)
        for name, step in self._steps(dimensions):
            groups += self._place(part, name)[1] * step
        return groups

    # Filters: each is a mask

    def rows(self, part: SegmentPart) -> Rows:
        """The places of the rows that the filters leave."""
        masks = {"owner": self._owners(part)}
        filters = self.filters
        if part.segment.has_days and (filters.from_day or filters.to_day):
            first, last = filters.from_day or date.min, filters.to_day or date.max
            masks["day"] = np.array([first <= day <= last for day in self._days], bool)
        for name, allowed_values in filters.among.items():
            index, numbers = self._place(part, name)
            allowed = np.array([value in allowed_values for value in self.numbers(name)], bool)[numbers]
            masks[index] = masks[index] & allowed if index in masks else allowed
        if not all(mask.any() for mask in masks.values()):
            return np.empty(0, np.intp)
        left: NDArray[np.bool_] | None = None
        for index, mask in masks.items():
            if not mask.all():
                passes = mask.take(self._index(part, index, None), mode="clip")
                left = passes if left is None else left & passes
        return None if left is None else np.flatnonzero(left)

    def _owners(self, part: SegmentPart) -> NDArray[np.bool_]:
        """Which owners may be counted at all: the series, or those lectures that are in the period."""
        facts, owners = self.facts, part.segment.owners
        if part.segment.has_days:
            return np.array([owner in part.owners and owner in facts.languages for owner in owners], bool)
        return np.array([owner in part.owners and owner in self._in_period for owner in owners], bool)

    @cached_property
    def _in_period(self) -> Mapping[int, HeldLecture]:
        lectures, filters = self.facts.lectures, self.filters
        if filters.from_day is None and filters.to_day is None:
            return lectures
        first, last = filters.from_day or date.min, filters.to_day or date.max
        return {id_: lecture for id_, lecture in lectures.items() if first <= lecture.day <= last}

    def lectures(self) -> Collection[HeldLecture]:
        """The sessions in the period, and of the series, languages, years and months that are wanted."""
        lectures: Collection[HeldLecture] = self._in_period.values()
        for name, values in self.filters.among.items():
            if name not in PEOPLE:
                lectures = [lecture for lecture in lectures if value_of(lecture, name) in values]
        return lectures

    def left(self, parts: Iterable[SegmentPart]) -> Iterator[tuple[SegmentPart, Rows]]:
        """Those of these parts of which rows are left, with the places of these."""
        for part in parts:
            rows = self.rows(part)
            if len(part.segment.owner if rows is None else rows):
                yield part, rows

    def of_lecture(self, lecture_id: int) -> Columns:
        """The attendances of one lecture that are left."""
        if lecture_id not in self._rows:
            part = next(part for part in self.facts.attendances if lecture_id in part.owners)
            rows = self.rows(part)
            every = np.arange(len(part.segment.owner)) if rows is None else rows
            self._rows |= dict.fromkeys(part.owners, (part.segment, every))
        segment, rows = self._rows[lecture_id]
        place = segment.owners.index(lecture_id)
        start, end = np.searchsorted(rows, segment.starts[place : place + 2]).tolist()
        return {name: column[rows[start:end]] for name, column in segment.columns.items()}

    def columns(self, parts: Iterable[SegmentPart], *names: str) -> Columns:
        """The rows that are left, of all these parts together, with the id of each row's owner as `owner`."""
        collected: dict[str, list[Column]] = {name: [] for name in ("owner", *names)}
        for part, rows in self.left(parts):
            collected["owner"].append(np.array(part.segment.owners, np.int64)[taken(part.segment.owner, rows)])
            for name in names:
                collected[name].append(taken(part.segment.columns[name], rows))
        return {
            name: np.concatenate(columns) if columns else np.empty(0, np.int64) for name, columns in collected.items()
        }

    def sums(self) -> dict[int, tuple[int, int]]:
        """(attendances, milliseconds) by lecture, of those with an attendance that is left."""
        totals: dict[int, tuple[int, int]] = {}
        for part, rows in self.left(self.facts.attendances):
            owner, size = taken(part.segment.owner, rows), len(part.segment.owners)
            amounts = np.bincount(owner, minlength=size).tolist()
            sums = summed(owner, taken(part.segment.columns["ms"], rows), size).tolist()
            totals |= {
                id_: (amounts[place], sums[place]) for place, id_ in enumerate(part.segment.owners) if amounts[place]
            }
        return totals

    def times(self) -> Numbers:
        """How many attendances that are left each person has, by id."""
        counted = np.zeros(1, np.int64)
        for part, rows in self.left(self.facts.attendances):
            counts = np.bincount(taken(part.segment.columns["person"], rows), minlength=len(counted))
            counts[: len(counted)] += counted
            counted = counts
        return counted


def taken(column: Column, rows: Rows) -> Column:
    """Some rows of a column."""
    return column if rows is None else column[rows]


def summed(groups: Column, amounts: Column, size: int) -> Numbers:
    """The sum of the amounts of each group. Sums of whole numbers are exact up to 2**53."""
    return np.bincount(groups, weights=amounts.astype(np.float64), minlength=size).astype(np.int64)
