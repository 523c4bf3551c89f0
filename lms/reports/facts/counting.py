"""Counts: a group is a key, distinct people are sorted and counted. No database, no clock."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lms.attendance.facts import Column
from lms.core.time.durations import tenth_hours
from lms.reports.facts.ratings import ratings_by
from lms.reports.facts.selection import (
    PEOPLE,
    Facts,
    FactSelection,
    Filters,
    Numbers,
    summed,
    taken,
    value_of,
)
from lms.reports.rules import Figures, Key, Ratings

PENDING: Final = 2_000_000
"""The number of pairs of a group and a person that are collected before sorting."""
MARKS: Final = 64_000_000
"""Up to this many pairs are marked in a table."""
SPARSE: Final = 16
"""A table has at most this many places for each row."""

_SHIFT: Final = 32
_LOW: Final = (1 << _SHIFT) - 1
_HIGH: Final = ~_LOW
"""A pair is one number: the group above, the other below."""

People = NDArray[np.uint32]
"""People (canonical ids), each once, in order."""

NOBODY: Final[People] = np.empty(0, np.uint32)


def united(people: Iterable[People]) -> People:
    """Everybody who is among any of these."""
    return distinct(np.concatenate([NOBODY, *people]))


def distinct(numbers: Column) -> Column:
    """Each number once, in order. The array is sorted in place."""
    numbers.sort()
    if len(numbers) < 2:
        return numbers
    is_first = np.empty(len(numbers), bool)
    is_first[0] = True
    np.not_equal(numbers[1:], numbers[:-1], out=is_first[1:])
    return numbers[is_first]


class Part:
    """The counts of one group. Parts of one dimension, or of different years, can be united."""

    __slots__ = (
        "_pending",
        "_people",
        "attendances",
        "certificates",
        "countries",
        "lectures",
        "ms",
        "ratings",
        "registrations",
    )

    def __init__(self) -> None:
        self.lectures: set[int] = set()
        self.countries: set[int | None] = set()
        self.attendances = 0
        self.ms = 0
        self.registrations = 0
        self.certificates = 0
        self.ratings = Ratings()
        self._people = NOBODY
        self._pending: list[People] = []

    @property
    def people(self) -> People:
        """Everybody with one attendance or more (canonical ids)."""
        if self._pending:
            pending = [self._people, *self._pending] if len(self._people) else self._pending
            self._people = pending[0] if len(pending) == 1 else united(pending)
            self._pending = []
        return self._people

    def add_people(self, people: People) -> None:
        """Adds people, some of whom may be present already."""
        if len(people):
            self._pending.append(people)

    def unite(self, other: "Part") -> None:
        """Adds another part of the same dimension: people, lectures and countries once, the rest summed."""
        self.lectures |= other.lectures
        self.countries |= other.countries
        self.attendances += other.attendances
        self.ms += other.ms
        self.registrations += other.registrations
        self.certificates += other.certificates
        mine, more = self.ratings, other.ratings
        self.ratings = Ratings(mine.answers + more.answers, mine.total + more.total, mine.satisfied + more.satisfied)
        self.add_people(other.people)

    def figures(self, partners: Collection[int]) -> Figures:
        """The figures; `partners` are the partner countries at the report's date."""
        return Figures(
            sessions=len(self.lectures),
            participants=len(self.people),
            attendances=self.attendances,
            countries=len(self.countries - {None}),
            partner_countries=len(self.countries.intersection(partners)),
            registrations=self.registrations,
            contact_hours=tenth_hours(self.ms),
            certificates=self.certificates,
            ratings=self.ratings,
        )


class Parts(dict[Key, Part]):
    """Parts by key, made when first asked for."""

    def __missing__(self, key: Key) -> Part:
        part = self[key] = Part()
        return part


def count(facts: Facts, filters: Filters, dimensions: Sequence[str] = ()) -> dict[Key, Part]:
    """Counts facts by these dimensions; without any there is one part, under the empty key."""
    counter = _Counter(FactSelection(facts, filters), dimensions)
    counter.count_attendances()
    if not filters.by_people and PEOPLE.isdisjoint(dimensions):
        counter.count_sessions()
    for figure in ("registrations", "certificates"):
        counter.count_series_facts(figure)
    for key, ratings in ratings_by(counter.selection, dimensions).items():
        if key in counter.parts:
            counter.parts[key].ratings = ratings
    return dict(counter.parts)


def people_of(selection: FactSelection) -> People:
    """Everybody with an attendance that is left."""
    return np.flatnonzero(selection.times()).astype(np.uint32)


@dataclass(frozen=True)
class _Attended:
    """People who attended the lectures of one segment:

    `inner` is the number of each row's inner group, None with a single one; the rows of owner n are between `starts` n
    and n + 1.
    """

    people: Column
    inner: Column | None
    starts: Numbers


class _Counter:
    """Counts what a selection leaves by dimensions.

    A group has an outer number, for those of its dimensions in which lectures differ, and an inner one, for those in
    which the people of one lecture differ.
    """

    def __init__(self, selection: FactSelection, dimensions: Sequence[str]) -> None:
        self.selection, self.dimensions = selection, tuple(dimensions)
        self.parts = Parts() if dimensions else Parts({(): Part()})
        self._made: dict[int, Part] = {}
        self._outer = [name for name in dimensions if name not in PEOPLE]
        self._inner = [name for name in dimensions if name in PEOPLE]
        self._outers, self._inners = selection.size(self._outer), selection.size(self._inner)
        self._size = self._outers * self._inners

    def _part(self, group: int) -> Part:
        if group not in self._made:
            self._made[group] = self.parts[self._key(group)]
        return self._made[group]

    def _key(self, group: int) -> Key:
        outer, inner = divmod(group, self._inners)
        values = dict(zip(self._outer, self.selection.values(self._outer, outer), strict=True))
        values |= zip(self._inner, self.selection.values(self._inner, inner), strict=True)
        return tuple(values[name] for name in self.dimensions)

    def count_attendances(self) -> None:
        """Counts attendances, milliseconds, and who attended, in which lectures and from which countries."""
        facts, size = self.selection.facts, self._size
        width = max(facts.regions, default=0) + 1
        amounts, sums = np.zeros(size, np.int64), np.zeros(size, np.int64)
        countries, lectures = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        attended: list[tuple[_Attended, Numbers]] = []
        for part, rows in self.selection.left(facts.attendances):
            segment = part.segment
            owner, ms = taken(segment.owner, rows), taken(segment.columns["ms"], rows)
            outer = self.selection.of_owners(part, self._outer)
            inner = self.selection.groups(part, self._inner, rows) if self._inner else None
            starts = np.array(segment.starts) if rows is None else np.searchsorted(rows, segment.starts)
            inner_values = None if inner is None else inner.astype(np.min_scalar_type(self._inners))
            attended.append((_Attended(taken(segment.columns["person"], rows), inner_values, starts), outer))
            groups = inner
            if self._outer:
                groups = (outer * self._inners).take(owner) + (0 if inner is None else inner)
            amounts += len(owner) if groups is None else np.bincount(groups, minlength=size)
            sums += ms.sum(dtype=np.int64) if groups is None else summed(groups, ms, size)
            if groups is None and rows is None:
                countries.append(segment.countries)
            else:
                countries.append(_occurring(groups, size, taken(segment.columns["country"], rows), width))
            owners = np.array(segment.owners, np.int64)
            if inner is None:
                is_left = np.diff(starts) > 0
                lectures.append((outer << _SHIFT | owners)[is_left])
            else:
                occurring = _occurring(groups, size, owner, len(owners))
                lectures.append(occurring & _HIGH | owners[occurring & _LOW])
        for group in np.flatnonzero(amounts).tolist():
            counted = self._part(group)
            counted.attendances, counted.ms = int(amounts[group]), int(sums[group])
        for group, ids in _by_group(distinct(np.concatenate(countries))):
            self._part(group).countries = {id_ or None for id_ in ids.tolist()}
        for group, ids in _by_group(distinct(np.concatenate(lectures))):
            self._part(group).lectures = set(ids.tolist())
        self._count_people(attended)

    def _count_people(self, attended: Sequence[tuple[_Attended, Numbers]]) -> None:
        """Counts distinct people, one outer group after the other: within it, all rows are grouped by lecture."""
        runs: dict[int, list[tuple[Column, Column | None]]] = {}
        for attended_part, outer in attended:
            # Owners next to each other in one group are one run
            changes = [0, *(np.flatnonzero(np.diff(outer)) + 1).tolist(), len(outer)]
            for first, last in pairwise(changes):
                start, end = attended_part.starts[first], attended_part.starts[last]
                if end > start:
                    inner = None if attended_part.inner is None else attended_part.inner[start:end]
                    runs.setdefault(int(outer[first]), []).append((attended_part.people[start:end], inner))
        highest = max((int(found.people.max()) for found, _outer in attended), default=0)
        for number, runs_of in runs.items():
            for inner_number, people in _distinct_people(runs_of, self._inners, highest + 1):
                self._part(number * self._inners + inner_number).add_people(people)

    def count_sessions(self) -> None:
        """Counts all lectures, also those that nobody attended."""
        if not self.dimensions:
            self.parts[()].lectures.update(lecture.id for lecture in self.selection.lectures())
            return
        for lecture in self.selection.lectures():
            key = tuple(value_of(lecture, name) for name in self.dimensions)
            self.parts[key].lectures.add(lecture.id)

    def count_series_facts(self, figure: str) -> None:
        """Counts registrations or certificates."""
        amounts = np.zeros(self._size, np.int64)
        for part, rows in self.selection.left(getattr(self.selection.facts, figure)):
            if self.dimensions:
                groups = self.selection.groups(part, self._outer, rows) * self._inners
                groups = groups + self.selection.groups(part, self._inner, rows)
                amounts += np.bincount(groups, minlength=self._size)
            else:
                amounts += len(part.segment.owner if rows is None else rows)
        for group in np.flatnonzero(amounts).tolist():
            setattr(self._part(group), figure, int(amounts[group]))


def _distinct_people(
    runs: Sequence[tuple[Column, Column | None]], groups: int, people: int
) -> Iterator[tuple[int, People]]:
    """The distinct people of each group: marked in a table, or sorted where that would be mostly empty.

    `people` is above every person's number. A run without groups is of group 0.
    """
    rows = sum(len(found) for found, _groups in runs)
    if groups * people <= min(MARKS, SPARSE * rows):
        marked = np.zeros(groups * people, bool)
        for of_run, numbers in runs:
            marked[of_run if numbers is None else numbers.astype(np.int64) * people + of_run] = True
        codes = np.flatnonzero(marked)
    else:
        codes = _distinct_codes(runs, people, np.dtype(np.uint32 if groups * people < 1 << 32 else np.int64))
    starts = np.searchsorted(codes, np.arange(groups + 1) * people).tolist()
    for group, (start, end) in enumerate(pairwise(starts)):
        if end > start:
            yield group, (codes[start:end] - group * people).astype(np.uint32)


def _distinct_codes(runs: Sequence[tuple[Column, Column | None]], people: int, form: np.dtype[Any]) -> Column:
    """The distinct pairs, as the group times `people` plus the person, in order."""
    last = np.full(people, -1, np.int32)
    codes: list[Column] = []
    pending = known = 0
    for of_run, numbers in runs:
        groups = np.zeros(len(of_run), np.int32) if numbers is None else numbers.astype(np.int32)
        # Most people stay in one group: a pair that is the last one of its person is left out at once
        others = np.flatnonzero(last.take(of_run) != groups)
        of_run, groups = of_run[others], groups[others]
        last[of_run] = groups
        codes.append((groups.astype(np.int64) * people + of_run).astype(form))
        pending += len(of_run)
        if pending > max(PENDING, known):
            codes = [distinct(np.concatenate(codes))]
            pending, known = 0, len(codes[0])
    return distinct(np.concatenate(codes))


def _occurring(groups: Numbers | None, size: int, others: Column, width: int) -> Numbers:
    """The pairs of a group and another number, each once. There are `size` groups and `width` others."""
    codes = others if groups is None else groups * width + others
    if size * width <= SPARSE * len(others):
        marked = np.zeros(size * width, bool)
        marked[codes] = True
        codes = np.flatnonzero(marked)
    else:
        codes = distinct(codes.astype(np.int64))
    return codes // width << _SHIFT | codes % width


def _by_group(pairs: Numbers) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    """Pairs in order, taken apart: each group with its numbers."""
    groups = pairs >> _SHIFT
    numbers = (pairs & _LOW).astype(np.uint32)
    starts = np.flatnonzero(np.diff(groups, prepend=-1)).tolist()
    for start, end in pairwise([*starts, len(pairs)] if starts else []):
        yield int(groups[start]), numbers[start:end]
