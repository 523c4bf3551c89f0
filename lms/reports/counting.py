"""Counts: what a slice holds, by any dimensions, from tallies of lectures and cells of registrations and awards.

What adds up (attendances, milliseconds, registrations, certificates) is summed from cells. People are united from
bitmaps: within a lecture those of all filters and dimensions are intersected, over lectures they are united. No
database, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final

from pyroaring import BitMap

from lms.attendance.tallies import AXES, Tally, Value, mask_of, values_of
from lms.core.measures import tenth_hours
from lms.reports.deeds import Deeds, Grain, month_name
from lms.reports.rules import Figures, Key

AXIS_OF: Final[Mapping[str, str]] = {
    "country": "country",
    "region": "country",
    "partner": "country",
    "sector": "sector",
    "gender": "gender",
    "source": "source",
}
"""The axis of a tally that a dimension of people reads."""
AT_ONCE: Final = 500
"""So many bitmaps are united at once."""
PARTED: Final = frozenset({"country", "sector", "gender"})
"""Axes on which most people stay where they are from one lecture to the next."""


Piece = tuple[tuple[str, Hashable], ...]
"""What one axis adds to a key: (dimension, value)."""


@dataclass(frozen=True)
class HeldLecture:
    """A lecture that was held: its series, its language, and the day of its actual start in the reporting zone."""

    id: int
    series_id: int
    language: str
    day: date


@dataclass(frozen=True)
class Wanted:
    """What of people is counted: None is no filter; None within is *not stated*."""

    countries: frozenset[int | None] | None = None
    partner: bool | None = None
    values: Mapping[str, frozenset[str | None]] = field(default_factory=dict)
    """By axis: sector, gender, source."""

    @property
    def axes(self) -> set[str]:
        """The axes that are filtered."""
        by_country = self.countries is not None or self.partner is not None
        return {*self.values, *(["country"] if by_country else [])}


@dataclass
class Ledger:
    """All that a slice is counted from; lectures and series outside of it are left out already."""

    held: Sequence[HeldLecture]
    tallies: Mapping[int, Tally]
    registrations: Mapping[int, Deeds]
    certificates: Mapping[int, Deeds]
    """By series."""
    region_of: Mapping[int, str | None]
    language_of_series: Mapping[int, str]
    partners_on: Callable[[date], frozenset[int]]
    from_day: date | None = None
    to_day: date | None = None
    wanted: Wanted = field(default_factory=Wanted)


class Part:
    """What has been counted for one group so far. Parts of one dimension, or of different years, can be united."""

    __slots__ = ("_pending", "_people", "attendances", "certificates", "countries", "lectures", "ms", "registrations")

    def __init__(self) -> None:
        self.lectures: set[int] = set()
        self.countries: set[int | None] = set()
        self.attendances = 0
        self.ms = 0
        self.registrations = 0
        self.certificates = 0
        self._people = BitMap()
        self._pending: list[BitMap] = []

    @property
    def people(self) -> BitMap:
        """Everybody with one attendance or more (canonical ids)."""
        if self._pending:
            self._people = BitMap.union(self._people, *self._pending)
            self._pending = []
        return self._people

    def add_people(self, people: BitMap) -> None:
        """Takes in people, of whom some may be there already."""
        self._pending.append(people)
        if len(self._pending) >= AT_ONCE:
            self._people = BitMap.union(self._people, *self._pending)
            self._pending = []

    def unite(self, other: Part) -> None:
        """Takes in another part of the same dimension: people, lectures and countries once, the rest added."""
        self.lectures |= other.lectures
        self.countries |= other.countries
        self.attendances += other.attendances
        self.ms += other.ms
        self.registrations += other.registrations
        self.certificates += other.certificates
        self._people = self.people | other.people

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
        )


class Parts(dict[Key, Part]):
    """Parts by key, made when first asked for."""

    def __missing__(self, key: Key) -> Part:
        part = self[key] = Part()
        return part


def tally(ledger: Ledger, dimensions: Sequence[str]) -> dict[Key, Part]:
    """Counts a ledger by these dimensions; without any there is one part, under the empty key."""
    parts = Parts() if dimensions else Parts({(): Part()})
    question = Question(ledger, dimensions)
    if not question.axes:
        # Without people in the question a session counts whoever came
        question.count_sessions(parts)
    for group_key, lectures in question.groups().items():
        question.count_group(parts, group_key, lectures)
    for deeds, figure in ((ledger.registrations, "registrations"), (ledger.certificates, "certificates")):
        question.count_deeds(parts, deeds, figure)
    return dict(parts)


class Question:
    """How one ledger is counted by some dimensions."""

    def __init__(self, ledger: Ledger, dimensions: Sequence[str]) -> None:
        self.ledger, self.dimensions = ledger, tuple(dimensions)
        self.grouped = {AXIS_OF[name] for name in dimensions if name in AXIS_OF}
        """The axes of dimensions."""
        self.axes = [axis for axis in AXES if axis in self.grouped | ledger.wanted.axes]
        self.by_partner = ledger.wanted.partner is not None or "partner" in dimensions
        self._keys = cache(self._key_of_value)
        self._codes: dict[frozenset[int], _KeysOfCodes] = {}

    # Lectures: their values, and those of their series, make one part of a key; people the other

    def groups(self) -> dict[Key, list[HeldLecture]]:
        """The lectures by the values of those dimensions that are theirs; None stands for a dimension of people."""
        found: dict[Key, list[HeldLecture]] = {}
        for held in self.ledger.held:
            key = tuple(self._of_lecture(held, name) for name in self.dimensions)
            found.setdefault(key, []).append(held)
        return found

    @staticmethod
    def _of_lecture(held: HeldLecture, name: str) -> Hashable:
        if name == "series":
            return held.series_id
        if name == "language":
            return held.language
        if name == "year":
            return f"{held.day.year:04}"
        return month_name(held.day.year, held.day.month) if name == "month" else None

    def key(self, group_key: Key, people_key: Key) -> Key:
        """The key of a part: people's values put where the lectures have none."""
        if not people_key:
            return group_key
        values = iter(people_key)
        return tuple(
            next(values) if name in AXIS_OF else own for name, own in zip(self.dimensions, group_key, strict=True)
        )

    def partners(self, day: date) -> frozenset[int]:
        """The partner countries of a day, where they matter."""
        return self.ledger.partners_on(day) if self.by_partner else frozenset()

    # What people of one value, or of one combination, belong to: None where the slice leaves them out

    def _key_of_value(self, axis: str, value: Value, partners: frozenset[int]) -> Piece | None:
        wanted = self.ledger.wanted
        if axis != "country":
            if axis in wanted.values and value not in wanted.values[axis]:
                return None
            return ((axis, value),) if axis in self.dimensions else ()
        assert not isinstance(value, str)
        if wanted.countries is not None and value not in wanted.countries:
            return None
        if wanted.partner is not None and (value in partners) is not wanted.partner:
            return None
        found = {"country": value, "partner": value in partners}
        found["region"] = None if value is None else self.ledger.region_of.get(value)  # type: ignore[assignment]
        return tuple((name, found[name]) for name in self.dimensions if AXIS_OF.get(name) == "country")

    def _joined(self, pieces: Iterable[Piece]) -> Key:
        found = dict(pair for piece in pieces for pair in piece)
        return tuple(found[name] for name in self.dimensions if name in found)

    def people_key(self, code: int, partners: frozenset[int]) -> Key | None:
        """The key of a combination of values."""
        pieces = []
        for axis, value in zip(AXES, values_of(code), strict=True):
            if axis in self.axes:
                piece = self._keys(axis, value, partners)
                if piece is None:
                    return None
                pieces.append(piece)
        return self._joined(pieces)

    def keys_of_codes(self, day: date) -> _KeysOfCodes:
        """`people_key` on a day, remembered."""
        partners = self.partners(day)
        if partners not in self._codes:
            self._codes[partners] = _KeysOfCodes(self, partners)
        return self._codes[partners]

    # Sessions and attendances

    def count_sessions(self, parts: Parts) -> None:
        """Counts all lectures, also those that nobody attended."""
        for group_key, lectures in self.groups().items():
            parts[group_key].lectures.update(held.id for held in lectures)

    def count_group(self, parts: Parts, group_key: Key, lectures: Sequence[HeldLecture]) -> None:
        """Counts lectures of one key."""
        if not self.axes:
            part = parts[group_key]
            for held in lectures:
                found = self.ledger.tallies[held.id]
                part.countries.update(found.by["country"])
                part.attendances += sum(found.rolled(0).amounts)
                part.ms += sum(found.rolled(0).ms)
                part.add_people(found.people)
            return
        self._sum(parts, group_key, lectures)
        if len(self.axes) == 1:
            self._one_axis(parts, group_key, lectures)
        elif len(self.grouped) == 2:
            self._crossed(parts, group_key, lectures)
        else:
            self._intersect(parts, group_key, lectures)

    def _sum(self, parts: Parts, group_key: Key, lectures: Sequence[HeldLecture]) -> None:
        """What adds up; with several axes the countries too, which are named by all combinations that occur."""
        mask, with_country = mask_of(self.axes), mask_of({*self.axes, "country"})
        here: dict[Key, Part] = {}
        seen: dict[frozenset[int], set[int]] = {}
        for held in lectures:
            keys = self.keys_of_codes(held.day)
            found = self.ledger.tallies[held.id]
            if len(self.axes) > 1:
                seen.setdefault(self.partners(held.day), set()).update(found.rolled(with_country).codes)
            for code, amount, ms in zip(*found.rolled(mask), strict=True):
                people_key = keys[code]
                if people_key is None:
                    continue
                part = here.get(people_key)
                if part is None:
                    part = here[people_key] = parts[self.key(group_key, people_key)]
                part.attendances += amount
                part.ms += ms
                part.lectures.add(held.id)
        for partners, codes in seen.items():
            for code in codes:
                people_key = self._codes[partners][code & mask]
                if people_key is not None:
                    here[people_key].countries.add(code >> 12 or None)

    def _one_axis(self, parts: Parts, group_key: Key, lectures: Sequence[HeldLecture]) -> None:
        (axis,) = self.axes
        for held in lectures:
            partners = self.partners(held.day)
            found = self.ledger.tallies[held.id]
            countries = found.by["country"]
            for value, people in found.by[axis].items():
                piece = self._keys(axis, value, partners)
                if piece is None:
                    continue
                part = parts[self.key(group_key, tuple(own for _name, own in piece))]
                part.add_people(people)
                if axis == "country":
                    part.countries.add(value)
                    continue
                for country in countries.keys() - part.countries:
                    if countries[country].intersect(people):
                        part.countries.add(country)

    def _filtered(self, held: HeldLecture) -> BitMap | None:
        """The people within those filters that are not dimensions too; None where there are none such."""
        found = self.ledger.tallies[held.id]
        partners = self.partners(held.day)
        base: BitMap | None = None
        for axis in self.axes:
            if axis in self.grouped:
                continue
            within = [
                people for value, people in found.by[axis].items() if self._keys(axis, value, partners) is not None
            ]
            united = BitMap.union(*within) if within else BitMap()
            base = united if base is None else base & united
        return base

    def _pieces(self, axis: str, held: HeldLecture) -> Iterator[tuple[Piece, BitMap]]:
        partners = self.partners(held.day)
        for value, people in self.ledger.tallies[held.id].by[axis].items():
            piece = self._keys(axis, value, partners)
            if piece is not None:
                yield piece, people

    def _intersect(
        self, parts: Parts, group_key: Key, lectures: Sequence[HeldLecture], only: BitMap | None = None
    ) -> None:
        """Lecture by lecture: the people of each combination of values, of `only` these few where given."""
        grouped = [axis for axis in self.axes if axis in self.grouped]
        here: dict[tuple[Piece, ...], Part] = {}

        def add(pieces: tuple[Piece, ...], people: BitMap) -> None:
            part = here.get(pieces)
            if part is None:
                part = here[pieces] = parts[self.key(group_key, self._joined(pieces))]
            part.add_people(people)

        for held in lectures:
            base = self._filtered(held)
            if only is not None:
                base = only & (self.ledger.tallies[held.id].people if base is None else base)
            if base is not None and not base:
                continue
            if not grouped:
                add((), base or BitMap())
                continue
            first = self._narrowed(grouped[0], held, base)
            if len(grouped) == 1:
                for one, people in first:
                    add((one,), people)
            else:
                self._one_by_one(first, self._narrowed(grouped[1], held, base), add)

    def _narrowed(self, axis: str, held: HeldLecture, base: BitMap | None) -> list[tuple[Piece, BitMap]]:
        pieces = self._pieces(axis, held)
        narrowed = ((piece, people if base is None else people & base) for piece, people in pieces)
        return [(piece, people) for piece, people in narrowed if people]

    @staticmethod
    def _one_by_one(
        first: Iterable[tuple[Piece, BitMap]],
        second: Iterable[tuple[Piece, BitMap]],
        add: Callable[[tuple[Piece, ...], BitMap], None],
    ) -> None:
        """The same for few people: each is looked up, instead of intersecting every value with every other."""
        others = {person: other for other, people in second for person in people}
        found: dict[tuple[Piece, ...], list[int]] = {}
        for one, people in first:
            for person in people:
                if person in others:
                    found.setdefault((one, others[person]), []).append(person)
        for pieces, some in found.items():
            add(pieces, BitMap(some))

    def _crossed(self, parts: Parts, group_key: Key, lectures: Sequence[HeldLecture]) -> None:
        """Two dimensions, of which one rarely changes: both are united over the lectures first, and intersected once.

        Who has one value of the settled dimension in all these lectures is in the intersection of two unions exactly
        where that is so in a lecture. The others, who changed, are looked at lecture by lecture.
        """
        first, second = (axis for axis in self.axes if axis in self.grouped)
        unions = {axis: self._united(axis, lectures) for axis in (first, second) if axis in PARTED}
        changes = {axis: _in_several(people.values()) for axis, people in unions.items()}
        settled = min(changes, key=lambda axis: len(changes[axis]))
        changed = changes[settled]
        other = second if settled == first else first
        if self.axes == [first, second] and other in unions:
            others = unions[other]
        else:
            others = self._united(other, lectures, is_filtered=True)
        for one, people in unions[settled].items():
            if one is None:
                continue
            stayed = people - changed
            for two, them in others.items():
                both = stayed & them
                if both and two is not None:
                    parts[self.key(group_key, self._joined([one, two]))].add_people(both)
        if changed:
            self._intersect(parts, group_key, lectures, changed)

    def _united(
        self, axis: str, lectures: Sequence[HeldLecture], *, is_filtered: bool = False
    ) -> dict[Piece | None, BitMap]:
        """The people of each value in any of the lectures; None has those whom a filter of this axis leaves out."""
        lists: dict[Piece | None, list[BitMap]] = {}
        for held in lectures:
            base = self._filtered(held) if is_filtered else None
            partners = self.partners(held.day)
            for value, people in self.ledger.tallies[held.id].by[axis].items():
                piece = self._keys(axis, value, partners)
                lists.setdefault(piece, []).append(people if base is None else people & base)
        return {piece: BitMap.union(BitMap(), *people) for piece, people in lists.items()}

    def people(self, held: HeldLecture) -> BitMap:
        """Who of one lecture is in the slice, asked without dimensions."""
        base = self._filtered(held)
        return self.ledger.tallies[held.id].people if base is None else base

    def sums(self, held: HeldLecture) -> tuple[int, int]:
        """(attendances, milliseconds) of one lecture in the slice, asked without dimensions."""
        keys = self.keys_of_codes(held.day)
        cells = zip(*self.ledger.tallies[held.id].rolled(mask_of(self.axes)), strict=True)
        found = [(amount, ms) for code, amount, ms in cells if keys[code] is not None]
        return sum(amount for amount, _ms in found), sum(ms for _amount, ms in found)

    # Registrations and awards

    def count_deeds(self, parts: Parts, deeds: Mapping[int, Deeds], figure: str) -> None:
        """Counts registrations or awards; they have no source."""
        wanted = self.ledger.wanted
        if "source" in wanted.values and None not in wanted.values["source"]:
            return
        mask = mask_of([axis for axis in self.axes if axis != "source"])
        grain = Grain.ALL
        if self.by_partner:
            grain = Grain.DAY
        elif "month" in self.dimensions or "year" in self.dimensions:
            grain = Grain.MONTH if "month" in self.dimensions else Grain.YEAR
        for series_id, own in deeds.items():
            here: dict[Any, Key | None] = {}
            for year, month, day, code, amount in own.within(mask, grain, self.ledger.from_day, self.ledger.to_day):
                moment = (year, month, day, code)
                if moment not in here:
                    here[moment] = self._key_of_deed(series_id, year, month, day, code)
                key = here[moment]
                if key is not None:
                    part = parts[key]
                    setattr(part, figure, getattr(part, figure) + amount)

    def _key_of_deed(self, series_id: int, year: int, month: int, day: int, code: int) -> Key | None:
        people_key = self.keys_of_codes(date(year, month, day or 1))[code]
        if people_key is None:
            return None
        own = {
            "series": series_id,
            "language": self.ledger.language_of_series[series_id],
            "year": f"{year:04}",
            "month": month_name(year, month),
        }
        return self.key(tuple(own.get(name) for name in self.dimensions), people_key)


def _in_several(sets: Iterable[BitMap]) -> BitMap:
    """Who is in more than one of these."""
    found, seen = BitMap(), BitMap()
    for people in sets:
        found |= seen & people
        seen |= people
    return found


class _KeysOfCodes(dict[int, Key | None]):
    def __init__(self, question: Question, partners: frozenset[int]) -> None:
        super().__init__()
        self._question, self._partners = question, partners

    def __missing__(self, code: int) -> Key | None:
        found = self[code] = self._question.people_key(code, self._partners)
        return found
