"""For whom a lecture would be at night or on a day off, and which hours of a week are fairest.

A person attends *at night* if any minute of the lecture is between 22:00 and 07:00 on that person's clock, and on *a
day off* if any minute is on a weekend or a public holiday in the person's country, by the date there. A night weighs 1,
a day off one half, both together 1½. The whole lecture counts, each part of it with the clocks of its moment.

People are counted in groups of the same country and time zone, and times in seconds since 1970: a week of 168 hours is
one array.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from lms.catalogue.rules import resolve_local
from lms.core.base.errors import Invalid
from lms.core.time import zones
from lms.core.time.days_off import holidays_between, weekend_of

NIGHT_FROM, NIGHT_UNTIL = 22, 7
EVENING_FROM, MORNING_UNTIL = 20, 8
"""Hours that are not night, but early or late."""
FAIREST = 5
EARLIEST = timedelta(hours=48)
"""How long before its start a lecture can still be moved to an hour that is offered."""
HOURS_OF_WEEK = 168
_HOUR, _DAY = 3600, 86_400
_QUARTER = 900
_EPOCH = date(1970, 1, 1).toordinal()
_THURSDAY = 3  # 1 January 1970
Seconds = NDArray[np.int64]
Marks = NDArray[np.bool_]


class AudienceBasis(StrEnum):
    """The people who are counted: the enrolled; else the seats of quotas; else the countries that a series is for, each
    as one; else, for a series that is for everybody, the partner countries, each as one."""

    ENROLLED = "enrolled"
    SEATS = "seats"
    COUNTRIES = "countries"
    PARTNERS = "partners"


@dataclass(frozen=True, slots=True)
class AudienceGroup:
    """A number of people of a country (null: not stated) whose clocks are those of a zone."""

    country: str | None
    zone: str
    people: int


@dataclass(frozen=True)
class Audience:
    """For whom hours are compared; `unlocated` people have no time zone and no country."""

    basis: AudienceBasis
    groups: tuple[AudienceGroup, ...]
    unlocated: int = 0

    @property
    def people(self) -> int:
        """How many are counted."""
        return sum(group.people for group in self.groups)

    @property
    def countries(self) -> int:
        """How many countries they are from."""
        return len({group.country for group in self.groups} - {None})


@dataclass(frozen=True, slots=True)
class Lasting:
    """From when to when a lecture lasts."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Burden:
    """How many people attend a lecture at night and how many on a day off, and the night by country."""

    night: int
    day_off: int
    night_by_country: dict[str | None, int]
    day_off_by_country: dict[str | None, int]

    @property
    def weight(self) -> float:
        """The burden, in nights."""
        return self.night + self.day_off / 2


@dataclass(frozen=True, slots=True)
class Hour:
    """A lecture that begins at a local hour. `starts_at` is null where the clocks skip that hour or show it twice."""

    local: datetime
    starts_at: datetime | None
    night: int = 0
    day_off: int = 0
    is_comfortable: bool = False
    is_working_day: bool = False

    @property
    def weight(self) -> float:
        """The burden, in nights."""
        return self.night + self.day_off / 2


@dataclass(frozen=True)
class FairHours:
    """Hours from `first` to `last` that are equally fair on each of some days; `best` is the one to offer.

    `is_any_working_day`: the days are all that are offered in this week.
    """

    best: Hour
    first: Hour
    last: Hour
    days: tuple[date, ...]
    is_any_working_day: bool
    burden: Burden

    @property
    def is_row_of_days(self) -> bool:
        """Whether the days are three or more that follow one another."""
        return len(self.days) > 2 and (self.days[-1] - self.days[0]).days == len(self.days) - 1


@dataclass(frozen=True)
class CountryHours:
    """A lecture on the clocks of one country: those of most of its people, who are `people` less `elsewhere`.

    `night` counts all its people, `is_night`, `is_weekend` and `holiday` are of these clocks. `day` is stretches of the
    organiser's day: (kind, from which hour, how many hours), where kind is `night` or `early`.
    """

    country: str | None
    people: int
    zone: str
    start: datetime
    night: int
    day_off: int
    is_night: bool
    is_weekend: bool
    holiday: str
    elsewhere: int
    day: Sequence[tuple[str, float, float]]


@dataclass(frozen=True)
class Rotation:
    """How many of the lectures of a series were, or are planned, at night for at least half of a country's people."""

    lectures: int
    nights: Sequence[tuple[str, int]]
    others: int


# What clocks show


def _stretches(zone: str, starts: Seconds, ends: Seconds) -> Iterator[tuple[Marks, Seconds, Seconds]]:
    """The parts of lectures between two changes of the clocks: which lectures have one, and from when to when it is, in
    local seconds."""
    last = int(ends.max())
    changes = zones.changes_between(zone, int(starts.min()), last)
    for (since, ahead), (until, _next) in pairwise([*changes, (last + 1, 0)]):
        begin, end = np.maximum(starts, since), np.minimum(ends, until)
        yield end > begin, begin + ahead, end + ahead


def _is_night(begin: Seconds, end: Seconds) -> Marks:
    clock = begin % _DAY
    late = clock + (end - begin) > NIGHT_FROM * _HOUR
    is_night: Marks = late | (clock < NIGHT_UNTIL * _HOUR)
    return is_night


class _Calendar:
    """The days off of a country, from the first day of a year to the last one of another."""

    def __init__(self, country: str, first: date, last: date) -> None:
        self.first = first.toordinal() - _EPOCH
        days = np.arange(self.first, last.toordinal() - _EPOCH + 1)
        off = np.isin((days + _THURSDAY) % 7, list(weekend_of(country)))
        for day in holidays_between(country, first, last, "en"):
            off[day.toordinal() - _EPOCH - self.first] = True
        self.until = np.concatenate(([0], np.cumsum(off)))

    def has_any(self, begin: Seconds, end: Seconds) -> Marks:
        """Whether there is a day off between two local times; of no time there is none."""
        most = len(self.until) - 1
        first, last = (np.clip(one // _DAY - self.first, 0, most - 1) for one in (begin, end - 1))
        has_marks: Marks = self.until[last + 1] > self.until[first]
        return has_marks


@lru_cache(maxsize=1024)
def _calendar(country: str, first: int, last: int) -> _Calendar:
    """The days off of a country in the years from one to another."""
    return _Calendar(country, date(first, 1, 1), date(last, 12, 31))


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH)


def _marks(
    groups: Sequence[AudienceGroup], starts: Seconds, ends: Seconds
) -> Iterator[tuple[AudienceGroup, Marks, Marks]]:
    """Each group with the lectures that it attends at night, and those on a day off."""
    parts: dict[str, list[tuple[Marks, Seconds, Seconds]]] = {}
    nights: dict[str, Marks] = {}
    offs: dict[tuple[str, str], Marks] = {}
    none = np.zeros(len(starts), dtype=np.bool_)
    first, last = _date(int(starts.min()) // _DAY - 2).year, _date(int(ends.max()) // _DAY + 2).year
    for group in groups:
        zone, country = group.zone, group.country
        if zone not in parts:
            parts[zone] = list(_stretches(zone, starts, ends))
            nights[zone] = none.copy()
            for inside, begin, end in parts[zone]:
                nights[zone] |= inside & _is_night(begin, end)
        if country is None:
            yield group, nights[zone], none
            continue
        if (country, zone) not in offs:
            calendar, off = _calendar(country, first, last), none.copy()
            for inside, begin, end in parts[zone]:
                off |= inside & calendar.has_any(begin, end)
            offs[country, zone] = off
        yield group, nights[zone], offs[country, zone]


def _seconds(moments: Iterable[datetime]) -> Seconds:
    return np.array([int(moment.timestamp()) for moment in moments], dtype=np.int64)


# What it means for people


def burdens(audience: Audience, spans: Sequence[Lasting]) -> list[Burden]:
    """For how many people each lecture is at night or on a day off."""
    if not spans:
        return []
    results = [Burden(0, 0, {}, {}) for _span in spans]
    totals = np.zeros((2, len(spans)), dtype=np.int64)
    starts, ends = _seconds(span.start for span in spans), _seconds(span.end for span in spans)
    for group, night, off in _marks(audience.groups, starts, ends):
        totals[0] += night * group.people
        totals[1] += off * group.people
        for marked, name in ((night, "night_by_country"), (off, "day_off_by_country")):
            for number in np.flatnonzero(marked):
                by_country = getattr(results[number], name)
                by_country[group.country] = by_country.get(group.country, 0) + group.people
    return [
        Burden(int(totals[0, number]), int(totals[1, number]), one.night_by_country, one.day_off_by_country)
        for number, one in enumerate(results)
    ]


@lru_cache(maxsize=128)
def hours_of_week(audience: Audience, first: date, minute: int, zone: str, duration_minutes: int) -> tuple[Hour, ...]:
    """The 168 hours of the seven days from `first`, each with a lecture that begins some minutes after it."""
    locals_ = [
        datetime.combine(first + timedelta(days=number // 24), time(number % 24, minute))
        for number in range(HOURS_OF_WEEK)
    ]
    moments = [_instant(one, zone) for one in locals_]
    known = [moment for moment in moments if moment is not None]
    if not known:
        return tuple(Hour(local, None) for local in locals_)
    starts = _seconds(known)
    ends = starts + duration_minutes * 60
    night, off = (np.zeros(len(known), dtype=np.int64) for _kind in range(2))
    for group, is_night, is_off in _marks(audience.groups, starts, ends):
        night += is_night * group.people
        off += is_off * group.people
    home = AudienceGroup(zones.territories().get(zone), zone, 1)
    _home, late, idle = next(_marks([home], starts, ends))
    counted = iter(zip(night.tolist(), off.tolist(), (~late).tolist(), (~idle).tolist(), strict=True))
    return tuple(
        Hour(local, at, *next(counted)) if at is not None else Hour(local, None)
        for local, at in zip(locals_, moments, strict=True)
    )


def _instant(local: datetime, zone: str) -> datetime | None:
    try:
        return resolve_local(local, zone)
    except Invalid:
        return None


def fairest(
    hours: Iterable[Hour], audience: Audience, duration_minutes: int, *, chosen: datetime | None, at: datetime
) -> list[FairHours]:
    """The fairest hours of a week at least 48 hours ahead, those together that are alike on the same days.

    Where the lecture is given, they are between 07:00 and 22:00, and on working days unless there are none. Of hours
    that weigh the same, those nearest to the `chosen` local time come first; only hours that weigh less than that one
    are listed.
    """
    hours = list(hours)
    planned = next((hour for hour in hours if hour.local == chosen), None)
    allowed = [
        hour for hour in hours if hour.starts_at is not None and hour.starts_at >= at + EARLIEST and hour.is_comfortable
    ]
    allowed = [hour for hour in allowed if hour.is_working_day] or allowed
    days = {hour.local.date() for hour in allowed}
    if planned is not None and planned.starts_at is not None:
        allowed = [hour for hour in allowed if hour.weight < planned.weight]

    def rank(hour: Hour) -> tuple[float, int, timedelta, datetime]:
        return hour.weight, hour.night, abs(hour.local - chosen) if chosen else timedelta(), hour.local

    groups = []
    for burden, same in _alike(allowed, audience, duration_minutes):
        best, on = min(same, key=rank), tuple(sorted({hour.local.date() for hour in same}))
        by_clock = sorted(same, key=lambda hour: hour.local.time())
        groups.append(FairHours(best, by_clock[0], by_clock[-1], on, len(on) == len(days) > 1, burden))
    return sorted(groups, key=lambda group: rank(group.best))[:FAIREST]


def _alike(hours: Sequence[Hour], audience: Audience, duration_minutes: int) -> Iterator[tuple[Burden, list[Hour]]]:
    """Hours with the same burden that follow one another, each such stretch with all days that have it."""
    lasts = timedelta(minutes=duration_minutes)
    spans = [Lasting(hour.starts_at, hour.starts_at + lasts) for hour in hours if hour.starts_at is not None]
    stretches: list[list[tuple[Hour, Burden]]] = []
    for hour, burden in zip(hours, burdens(audience, spans), strict=True):
        before = stretches[-1][-1] if stretches else None
        if before and before[1] == burden and before[0].local + timedelta(hours=1) == hour.local:
            stretches[-1].append((hour, burden))
        else:
            stretches.append([(hour, burden)])
    grouped: dict[tuple[time, time, str], tuple[Burden, list[Hour]]] = {}
    for stretch in stretches:
        (first, burden), (last, _same) = stretch[0], stretch[-1]
        key = first.local.time(), last.local.time(), repr(burden)
        grouped.setdefault(key, (burden, []))[1].extend(hour for hour, _burden in stretch)
    yield from grouped.values()


def least(hours: Iterable[Hour]) -> float | None:
    """The smallest weight among hours that exist."""
    return min((hour.weight for hour in hours if hour.starts_at is not None), default=None)


def country_hours(audience: Audience, span: Lasting, zone: str, locale: str) -> list[CountryHours]:
    """A lecture on the clocks of each country, the most people first."""
    starts, ends = _seconds([span.start]), _seconds([span.end])
    marked: dict[str | None, list[tuple[AudienceGroup, bool, bool]]] = {}
    for group, night, off in _marks(audience.groups, starts, ends):
        marked.setdefault(group.country, []).append((group, bool(night[0]), bool(off[0])))
    hours = []
    for country, groups in marked.items():
        shown, is_night, _off = max(
            groups, key=lambda group: (group[0].people, group[0].zone == zones.main_zone(country))
        )
        where = ZoneInfo(shown.zone)
        start, end = span.start.astimezone(where), (span.end - timedelta(seconds=1)).astimezone(where)
        people = sum(group.people for group, _night, _off in groups)
        weekend = weekend_of(country) if country is not None else frozenset()
        named = holidays_between(country, start.date(), end.date(), locale) if country is not None else {}
        hours.append(
            CountryHours(
                country=country,
                people=people,
                zone=shown.zone,
                start=start,
                night=sum(group.people for group, night, _off in groups if night),
                day_off=sum(group.people for group, _night, off in groups if off),
                is_night=is_night,
                is_weekend=bool({start.weekday(), end.weekday()} & weekend),
                holiday=next(iter(named.values()), ""),
                elsewhere=people - shown.people,
                day=_day_there(shown.zone, zone, span),
            )
        )
    return sorted(hours, key=lambda group: (-group.people, group.country or ""))


def first_hour(span: Lasting, zone: str) -> int:
    """The organiser's hour at which the day that is drawn begins: midnight, or noon for a lecture that crosses it."""
    start, end = (one.astimezone(ZoneInfo(zone)) for one in (span.start, span.end - timedelta(seconds=1)))
    return 0 if start.date() == end.date() else 12


def _day_there(there: str, given_in: str, span: Lasting) -> list[tuple[str, float, float]]:
    """Returns what the organiser's day is in another zone, by quarters of an hour, as (kind, from, hours)."""
    opens = first_hour(span, given_in)
    day = span.start.astimezone(ZoneInfo(given_in)).date()
    begin = datetime.combine(day, time(opens), ZoneInfo(given_in)).astimezone(UTC)
    # local quarters of the organiser's day, so that a bar and the axis agree on a day on which clocks change
    local = np.arange(opens * _HOUR, opens * _HOUR + _DAY, _QUARTER) + (day.toordinal() - _EPOCH) * _DAY
    moments = local - _ahead(given_in, np.full(1, int(begin.timestamp()), dtype=np.int64))[0]
    for _step in range(2):
        moments = local - _ahead(given_in, moments)
    hours = (moments + _ahead(there, moments)) % _DAY // _HOUR
    is_night = (hours >= NIGHT_FROM) | (hours < NIGHT_UNTIL)
    is_early = (hours >= EVENING_FROM) | (hours < MORNING_UNTIL)
    kinds = np.where(is_night, 2, np.where(is_early, 1, 0))
    edges = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
    names = {1: "early", 2: "night"}
    return [
        (names[int(kinds[low])], low / 4, (high - low) / 4) for low, high in pairwise(edges) if int(kinds[low]) in names
    ]


def _ahead(zone: str, moments: Seconds) -> Seconds:
    changes = zones.changes_between(zone, int(moments.min()), int(moments.max()))
    since = np.array([one for one, _ahead in changes], dtype=np.int64)
    aheads = np.array([ahead for _since, ahead in changes], dtype=np.int64)
    offsets: Seconds = aheads[np.maximum(np.searchsorted(since, moments, side="right") - 1, 0)]
    return offsets


def rotation(audience: Audience, spans: Sequence[Lasting]) -> Rotation:
    """How many of the lectures are at night for at least half of the people of each country, the most first."""
    if not spans:
        return Rotation(0, [], 0)
    people: dict[str, int] = {}
    at_night: dict[str, Seconds] = {}
    starts, ends = _seconds(span.start for span in spans), _seconds(span.end for span in spans)
    for group, night, _off in _marks([one for one in audience.groups if one.country], starts, ends):
        code = group.country or ""
        people[code] = people.get(code, 0) + group.people
        at_night[code] = at_night.get(code, 0) + night * group.people
    nights = {code: int(np.count_nonzero(2 * at_night[code] >= number)) for code, number in people.items()}
    counted = sorted(
        ((code, number) for code, number in nights.items() if number), key=lambda item: (-item[1], item[0])
    )
    return Rotation(len(spans), counted, len(nights) - len(counted))


def newly_at_night(burden: Burden, before: Burden) -> dict[str | None, int]:
    """The countries in which more people attend at night than before, with how many more."""
    more = {code: number - before.night_by_country.get(code, 0) for code, number in burden.night_by_country.items()}
    return {code: number for code, number in more.items() if number > 0}
