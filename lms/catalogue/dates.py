"""Planned dates, checked before they are saved: repeats, series moved to other days, clashes and public holidays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule

from lms.catalogue.fair_hours import Audience
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import list_taking_up
from lms.catalogue.rules import (
    FIRST_YEAR,
    LAST_YEAR,
    may_see_lecture,
    occupied,
    overlaps,
    planned_end,
    resolve_local,
)
from lms.core.base.errors import Fault, Invalid
from lms.core.base.roles import Actor
from lms.core.text.i18n import _, _n
from lms.core.time import zones
from lms.core.time.days_off import Holiday, holidays_on

MOST_REPEATS = 60
MOST_DAYS = 400
"""How far lectures are moved at once."""
SMALL_PART = 0.25
"""A holiday of less than this part of the people is no reason to choose another day."""
Span = tuple[datetime, datetime]


class Every(StrEnum):
    """How often a lecture is repeated."""

    DAY = "day"
    WEEK = "week"
    FORTNIGHT = "fortnight"
    MONTH = "month"


@dataclass(frozen=True)
class Repeat:
    """How often, and how many times."""

    every: Every
    times: int


class DateDecision(StrEnum):
    """The decision about a date with a problem: kept all the same, or left out."""

    KEEP = "keep"
    SKIP = "skip"


_RULES = {Every.DAY: (DAILY, 1), Every.WEEK: (WEEKLY, 1), Every.FORTNIGHT: (WEEKLY, 2), Every.MONTH: (MONTHLY, 1)}


def repeated(first: datetime, repeat: Repeat) -> list[datetime]:
    """Local times without offset, from the first one: the hour stays the same when clocks change.

    Months that lack the day (a 31st) are left out. Invalid at `times` for too few or too many.
    """
    if not 2 <= repeat.times <= MOST_REPEATS:
        raise Invalid("times", _("Enter a whole number from %(low)s to %(high)s.", low=2, high=MOST_REPEATS))
    frequency, interval = _RULES[repeat.every]
    return list(rrule(frequency, dtstart=first, count=repeat.times, interval=interval))


def days_from(lectures: Iterable[Lecture], first: date) -> int:
    """The number of days by which all lectures move if the first dated lecture is given on `first`; 0 without any date.

    Invalid at `first` outside the years 1990 to 2100.
    """
    if not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise Invalid("first", _("Enter a year between %(first)s and %(last)s.", first=FIRST_YEAR, last=LAST_YEAR))
    dated = next((lecture.local_start for lecture in lectures if lecture.local_start is not None), None)
    return (first - dated.date()).days if dated is not None else 0


def first_after(start: date, today: date) -> date:
    """The same weekday in whole years of 52 weeks after `start`, the first one in the future."""
    years = max(1, -(-((today - start).days + 1) // 364))
    return start + timedelta(days=364 * years)


@dataclass(frozen=True)
class PlannedDate:
    """A time at which a lecture should be given; `instructors` are person ids."""

    local_start: datetime
    time_zone: str
    duration_minutes: int
    instructors: frozenset[int]


@dataclass(frozen=True)
class Clash:
    """A lecture at the same time, with its span.

    `person` would give both; null where the series is the same. `title` is null where the reader may not see the
    lecture.
    """

    person: str | None
    title: str | None
    span: Span
    time_zone: str


@dataclass(frozen=True)
class DateCheck:
    """One date with all that speaks against it. `key` names it in a form, so that a decision never counts for another
    date. `starts_at` is null, with the reason in `impossible`, for a time that the clocks skip or show twice."""

    key: str
    planned: PlannedDate
    starts_at: datetime | None
    impossible: str
    clashes: Sequence[Clash]
    holidays: Sequence[Holiday]

    @property
    def is_free(self) -> bool:
        """Whether nothing has to be decided."""
        return not (self.impossible or self.clashes or self.holidays)

    @property
    def ends_at(self) -> datetime | None:
        """When a lecture on this date ends."""
        return self.starts_at + timedelta(minutes=self.planned.duration_minutes) if self.starts_at else None


def check_dates(
    series: Series | None,
    dates: Sequence[PlannedDate],
    *,
    countries: Iterable[str],
    locale: str,
    by: Actor,
    but: Iterable[int] = (),
) -> list[DateCheck]:
    """Checks each date against the other lectures of its instructors and of the series, and against holidays.

    `series` is null for a new series. `but`: lectures that do not count, such as those being moved. One query for all
    dates.
    """
    moments = [_instant(one) for one in dates]
    spans = [
        (at, at + timedelta(minutes=one.duration_minutes)) if at is not None else None
        for one, (at, _reason) in zip(dates, moments, strict=True)
    ]
    known = [span for span in spans if span is not None]
    people = {person for one in dates for person in one.instructors}
    others: list[Lecture] = []
    if known:
        first, last = min(known)[0], max(end for _start, end in known)
        taking_up = list_taking_up(people, series.id if series is not None else None, first, last)
        left_out = set(but)
        others = [one for one in taking_up if one.id not in left_out]
    codes = list(countries)
    return [
        DateCheck(
            key=f"{number}-{one.local_start:%Y-%m-%dT%H:%M}",
            planned=one,
            starts_at=at,
            impossible=reason,
            clashes=_clashes(series, one, span, others, by) if span is not None else (),
            holidays=holidays_on(one.local_start.date(), _codes_for(one.time_zone, codes), locale),
        )
        for number, (one, (at, reason), span) in enumerate(zip(dates, moments, spans, strict=True))
    ]


def draft_clashes(lecture: Lecture, *, by: Actor) -> Sequence[Clash]:
    """The lectures that a draft clashes with: those of its instructors, and those of its series."""
    if lecture.local_start is None:
        return ()
    instructors = frozenset(person.id for person in lecture.instructors)
    planned_date = PlannedDate(lecture.local_start, lecture.time_zone, lecture.duration_minutes, instructors)
    (check,) = check_dates(lecture.series, [planned_date], countries=(), locale="en", by=by, but=[lecture.id])
    return check.clashes


def _instant(date: PlannedDate) -> tuple[datetime | None, str]:
    try:
        return resolve_local(date.local_start, date.time_zone), ""
    except Invalid as error:
        return None, str(error.faults[0].reason)


def _codes_for(zone: str, codes: Sequence[str]) -> list[str]:
    """The countries whose holidays matter: where the lecture is given, and those that the series is for."""
    home_code = zones.territories().get(zone)
    return list(dict.fromkeys([*([home_code] if home_code else []), *codes]))


def _clashes(series: Series | None, date: PlannedDate, span: Span, others: Iterable[Lecture], by: Actor) -> list[Clash]:
    clashes = []
    for other in others:
        taken = span_of(other)
        if taken is None or not overlaps(span, taken):
            continue
        person = next((one.full_name for one in other.instructors if one.id in date.instructors), None)
        is_of_series = series is not None and other.series_id == series.id
        if not is_of_series and (person is None or occupied(other) is None):
            continue
        title = other.title if may_see_lecture(other, by) else None
        clashes.append(Clash(None if is_of_series else person, title, taken, other.time_zone))
    return clashes


def span_of(lecture: Lecture) -> Span | None:
    """When a lecture is or was given; for a draft, when it is planned."""
    taken = occupied(lecture)
    end = planned_end(lecture)
    if taken is None and lecture.state is LectureState.DRAFT and lecture.starts_at is not None and end is not None:
        return lecture.starts_at, end
    return taken


def decided(checks: Sequence[DateCheck], decisions: Mapping[str, DateDecision]) -> list[DateCheck | None]:
    """The dates that remain, null for each that is left out. Invalid at each date without a decision."""
    open_ones = undecided(checks, decisions)
    if open_ones:
        reason = _n("One date needs a decision.", "%(num)s dates need a decision.", len(open_ones))
        raise Invalid(faults=[Fault(field="dates", reason=reason)])
    return [None if decisions.get(check.key) is DateDecision.SKIP else check for check in checks]


def proposed(check: DateCheck, audience: Audience) -> DateDecision | None:
    """The decision that a form proposes: to keep a date on which less than a quarter of the people have a holiday, if
    nothing else speaks against it. None where somebody has to choose."""
    if check.impossible or check.clashes or not check.holidays or not audience.people:
        return None
    countries = {holiday.country for holiday in check.holidays}
    concerned = sum(group.people for group in audience.groups if group.country in countries)
    return DateDecision.KEEP if concerned < audience.people * SMALL_PART else None


def undecided(checks: Iterable[DateCheck], decisions: Mapping[str, DateDecision]) -> list[DateCheck]:
    """The dates with a problem about which nothing was decided. An impossible one cannot be kept."""
    return [
        check
        for check in checks
        if not check.is_free
        and (decisions.get(check.key) is None or (check.impossible and decisions[check.key] is DateDecision.KEEP))
    ]


def is_movable(lecture: Lecture, at: datetime) -> bool:
    """Whether a lecture is moved with all that are to come: published or a draft, with a time after `at`."""
    return (
        lecture.state in (LectureState.SCHEDULED, LectureState.DRAFT)
        and lecture.local_start is not None
        and lecture.starts_at is not None
        and lecture.starts_at > at
    )


def is_swappable(lecture: Lecture, other: Lecture) -> bool:
    """Whether two lectures can change places without anybody being told: drafts of one series, each with a date."""
    return (
        lecture.series_id == other.series_id
        and lecture.id != other.id
        and all(one.state is LectureState.DRAFT and one.local_start is not None for one in (lecture, other))
    )


def planned_date_of(lecture: Lecture, days: int) -> PlannedDate:
    """The same lecture a number of days later, at the same local hour."""
    assert lecture.local_start is not None
    return PlannedDate(
        lecture.local_start + timedelta(days=days),
        lecture.time_zone,
        lecture.duration_minutes,
        frozenset(person.id for person in lecture.instructors),
    )


def copied_dates(lectures: Iterable[Lecture], days: int, *, with_instructors: bool) -> list[PlannedDate]:
    """The dates of the dated lectures, a number of days later."""
    moved = [planned_date_of(lecture, days) for lecture in lectures if lecture.local_start is not None]
    return moved if with_instructors else [replace(one, instructors=frozenset()) for one in moved]


def today_in(zone: str, at: datetime) -> date:
    """The day it is in a zone."""
    return (at.astimezone(UTC) + zones.offset(zone, at)).date()
