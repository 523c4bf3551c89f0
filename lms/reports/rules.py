"""What is counted and how, once the rows are there: no database, no clock. Also what the public may ask."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from itertools import repeat
from typing import Any, Final
from zoneinfo import ZoneInfo

from lms.core.errors import Forbidden, Invalid
from lms.core.words import _

DIMENSIONS: Final = ("country", "region", "series", "year", "month", "sector", "gender", "source", "language")
PEOPLE_DIMENSIONS: Final = frozenset({"country", "region", "sector", "gender", "source", "partner"})
"""Dimensions that cut through the people of a lecture: a session stands in each group that had one attendance."""
TIME_DIMENSIONS: Final = frozenset({"year", "month"})
FEWEST: Final = 5
"""Groups of fewer people are not published."""
OTHER: Final = "other"
"""The key of the group that stands for all folded ones."""
REFRESH_AT: Final = time(6, 0)
"""When the public figures are counted each day, in the reporting zone."""

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Figures:
    """The figures of domain.md for one slice. Contact hours to one decimal, everything else whole."""

    sessions: int = 0
    participants: int = 0
    attendances: int = 0
    countries: int = 0
    partner_countries: int = 0
    registrations: int = 0
    contact_hours: float = 0.0
    certificates: int = 0

    def as_json(self) -> dict[str, int | float]:
        """The figures by name, in the order in which they are shown."""
        return {name: getattr(self, name) for name in FIGURES}


FIGURES: Final = tuple(item.name for item in fields(Figures))


@dataclass(frozen=True)
class Slice:
    """What is asked for: days (both included, in the reporting zone), a series' slug, a country's code, an M49 code of
    any level, and whether the country was a partner on the day."""

    from_day: date | None = None
    to_day: date | None = None
    series: str | None = None
    country: str | None = None
    region: str | None = None
    partner: bool | None = None

    @property
    def filters(self) -> dict[str, str | bool]:
        """The filters that are set, the period apart."""
        given = {name: getattr(self, name) for name in ("series", "country", "region", "partner")}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Group:
    """One row of a report. `keys` has one value for each dimension asked for; None is *not stated*."""

    keys: tuple[str | None, ...]
    labels: tuple[str, ...]
    figures: Figures
    folded: bool = False

    def as_json(self) -> dict[str, Any]:
        """The group as the API shows it: `key` and `label`, with `key` a list where there are two dimensions."""
        shown: dict[str, Any] = {"key": self.keys[0] if len(self.keys) == 1 else list(self.keys)}
        shown["label"] = " · ".join(self.labels)
        if self.folded:
            shown["folded"] = True
        return shown | self.figures.as_json()


@dataclass
class Credits:
    """Attended credits as columns: one row a (lecture, person), merged people already one."""

    lecture: Sequence[int] = ()
    person: Sequence[int] = ()
    country: Sequence[int | None] = ()
    sector: Sequence[str | None] = ()
    gender: Sequence[str | None] = ()
    source: Sequence[str] = ()
    ms: Sequence[int] = ()


@dataclass
class Deeds:
    """Registrations or certificates as columns; `amount` of them in each row, with the country of that day."""

    series: Sequence[int] = ()
    country: Sequence[int | None] = ()
    sector: Sequence[str | None] = ()
    gender: Sequence[str | None] = ()
    month: Sequence[str] = ()
    partner: Sequence[bool] = ()
    amount: Sequence[int] = ()


@dataclass(frozen=True)
class HeldLecture:
    """A lecture that was held: its series, its language, and the day of its actual start in the reporting zone."""

    id: int
    series_id: int
    language: str
    day: date


@dataclass
class Facts:
    """All rows of one slice, ready to be counted."""

    held: Mapping[int, HeldLecture]
    credits: Credits
    registrations: Deeds
    certificates: Deeds
    region_of: Mapping[int, str | None]
    language_of_series: Mapping[int, str]
    partners_on: Mapping[date, frozenset[int]]
    """The partner countries on the day of each lecture."""
    about_people: bool = False
    """Whether the slice filters people: then only lectures with one such attendance are sessions."""


class Part:
    """What has been counted for one group so far. Parts of one dimension, or of different years, can be united."""

    __slots__ = ("attendances", "certificates", "countries", "lectures", "ms", "people", "registrations")

    def __init__(self) -> None:
        self.lectures: set[int] = set()
        self.people: set[int] = set()
        self.countries: set[int | None] = set()
        self.attendances = 0
        self.ms = 0
        self.registrations = 0
        self.certificates = 0

    def unite(self, other: Part) -> None:
        """Takes in another part of the same dimension: people, lectures and countries once, the rest added."""
        self.lectures |= other.lectures
        self.people |= other.people
        self.countries |= other.countries
        self.attendances += other.attendances
        self.ms += other.ms
        self.registrations += other.registrations
        self.certificates += other.certificates

    def figures(self, partners: Collection[int]) -> Figures:
        """The figures; `partners` are the partner countries at the report's date."""
        return Figures(
            sessions=len(self.lectures),
            participants=len(self.people),
            attendances=self.attendances,
            countries=len(self.countries - {None}),
            partner_countries=len(self.countries.intersection(partners)),
            registrations=self.registrations,
            contact_hours=(self.ms * 10 + 1_800_000) // 3_600_000 / 10,
            certificates=self.certificates,
        )


def tally(facts: Facts, dimensions: Sequence[str]) -> dict[Key, Part]:
    """Counts the facts by these dimensions; without any there is one part, under the empty key."""
    parts: dict[Key, Part] = {} if dimensions else {(): Part()}
    rows = facts.credits
    columns = zip(rows.lecture, rows.person, rows.country, rows.ms, strict=True)
    for key, (lecture, person, country, ms) in zip(keys_of_credits(facts, dimensions), columns, strict=False):
        part = parts.get(key)
        if part is None:
            part = parts[key] = Part()
        part.lectures.add(lecture)
        part.people.add(person)
        part.countries.add(country)
        part.attendances += 1
        part.ms += ms
    if not (facts.about_people or PEOPLE_DIMENSIONS.intersection(dimensions)):
        lectures = list(facts.held)
        keys = zip(*(_of_lectures(facts, name, lectures) for name in dimensions), strict=True)
        for key, lecture in zip(keys if dimensions else repeat(()), lectures, strict=False):
            _part(parts, key).lectures.add(lecture)
    for key, amount in _deeds(facts, facts.registrations, dimensions):
        _part(parts, key).registrations += amount
    for key, amount in _deeds(facts, facts.certificates, dimensions):
        _part(parts, key).certificates += amount
    return parts


def _part(parts: dict[Key, Part], key: Key) -> Part:
    part = parts.get(key)
    if part is None:
        part = parts[key] = Part()
    return part


def keys_of_credits(facts: Facts, dimensions: Sequence[str]) -> Iterable[Key]:
    """The key of each attended credit, in the order of the columns."""
    if not dimensions:
        return repeat(())
    rows = facts.credits
    columns: list[Iterable[Hashable]] = []
    for name in dimensions:
        if name in {"country", "sector", "gender", "source"}:
            columns.append(getattr(rows, name))
        elif name == "region":
            columns.append(map(facts.region_of.get, rows.country))  # type: ignore[arg-type]
        elif name == "partner":
            partners = {lecture.id: facts.partners_on[lecture.day] for lecture in facts.held.values()}
            columns.append(
                country in partners[lecture] for country, lecture in zip(rows.country, rows.lecture, strict=True)
            )
        else:
            columns.append(_of_lectures(facts, name, rows.lecture))
    return zip(*columns, strict=True)


def _of_lectures(facts: Facts, name: str, lectures: Sequence[int]) -> Iterable[Hashable]:
    values: dict[int, Hashable] = {}
    for held in facts.held.values():
        if name == "series":
            values[held.id] = held.series_id
        elif name == "language":
            values[held.id] = held.language
        else:
            values[held.id] = month_of(held.day) if name == "month" else f"{held.day.year:04}"
    return map(values.__getitem__, lectures)


def _deeds(facts: Facts, rows: Deeds, dimensions: Sequence[str]) -> Iterable[tuple[Key, int]]:
    columns: list[Iterable[Hashable]] = []
    for name in dimensions:
        if name in {"country", "series", "sector", "gender", "month", "partner"}:
            columns.append(getattr(rows, name))
        elif name == "region":
            columns.append(map(facts.region_of.get, rows.country))  # type: ignore[arg-type]
        elif name == "year":
            columns.append(month[:4] for month in rows.month)
        elif name == "language":
            columns.append(map(facts.language_of_series.__getitem__, rows.series))
        else:  # neither a registration nor a certificate has a source of attendance
            columns.append(repeat(None, len(rows.amount)))
    keys: Iterable[Key] = zip(*columns, strict=True) if dimensions else repeat((), len(rows.amount))
    return zip(keys, rows.amount, strict=True)


def month_of(day: date) -> str:
    """The month of a day as "2021-03"."""
    return f"{day.year:04}-{day.month:02}"


def folded(parts: Mapping[Key, Part], hidden: Collection[Key] = ()) -> tuple[dict[Key, Part], Part | None]:
    """The groups that may be published, and the one that stands for all others (none where nothing is folded).

    Groups of fewer than 5 people are folded, and `hidden` ones; where that is a single group, the next smallest goes
    with it, so that nothing can be found by subtraction.
    """
    order = sorted(parts, key=lambda key: (len(parts[key].people), str(key)))
    small = [key for key in order if len(parts[key].people) < FEWEST or key in hidden]
    if len(small) == 1:
        small += [key for key in order if key != small[0]][:1]
    if not small:
        return dict(parts), None
    other = Part()
    for key in small:
        other.unite(parts[key])
    return {key: part for key, part in parts.items() if key not in set(small)}, other


def check_question(asked: Slice, dimensions: Sequence[str]) -> None:
    """Whether a question can be answered at all: known dimensions, two at most, a period the right way round.

    Raises Invalid with the parameter.
    """
    for name in dimensions:
        if name not in DIMENSIONS:
            reason = _("“%(name)s” is not a dimension. There are: %(all)s.", name=name[:40], all=", ".join(DIMENSIONS))
            raise Invalid("by", reason)
    if len(dimensions) > 2 or len(set(dimensions)) != len(dimensions):
        raise Invalid("by", _("Name one dimension, or two different ones."))
    if asked.from_day and asked.to_day and asked.from_day > asked.to_day:
        raise Invalid("to", _("The period ends before it begins."))


def check_public(asked: Slice, dimensions: Sequence[str]) -> None:
    """Whether the public may ask this: one dimension or one filter, whole years or none. Raises Forbidden."""
    if len(dimensions) + len(asked.filters) > 1:
        raise Forbidden(_("Without a reporter’s right figures are shown by one dimension or one filter at a time."))
    starts = asked.from_day is None or (asked.from_day.month, asked.from_day.day) == (1, 1)
    ends = asked.to_day is None or (asked.to_day.month, asked.to_day.day) == (12, 31)
    if not (starts and ends):
        raise Forbidden(_("Without a reporter’s right figures are shown for whole years, or for all time."))


def in_order(groups: Iterable[Group], dimensions: Sequence[str]) -> list[Group]:
    """Groups as they are shown: time forwards, else the most participants first; not stated, then other, at the end."""
    shown = list(groups)
    most: dict[tuple[int, str | None], int] = {}
    for group in shown:
        for index, key in enumerate(group.keys):
            most[index, key] = most.get((index, key), 0) + group.figures.participants

    def rank(group: Group) -> tuple[Any, ...]:
        order: list[Any] = [group.folded]
        for index, (name, key) in enumerate(zip(dimensions, group.keys, strict=True)):
            size = 0 if name in TIME_DIMENSIONS else -most[index, key]
            order += [key is None, size, key or ""]
        return tuple(order)

    return sorted(shown, key=rank)


def is_refresh_due(last: datetime | None, at: datetime, zone: str) -> bool:
    """Whether six o'clock in the reporting zone has passed since the last refresh (there was none: at once)."""
    local = at.astimezone(ZoneInfo(zone))
    due = datetime.combine(local.date(), REFRESH_AT, ZoneInfo(zone))
    if due > local:
        due = datetime.combine(local.date() - timedelta(days=1), REFRESH_AT, ZoneInfo(zone))
    return last is None or last < due
