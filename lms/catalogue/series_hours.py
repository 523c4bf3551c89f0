"""The hours of a week for the people of a series, and how its nights have been shared out so far."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from lms.catalogue.dates import span_of
from lms.catalogue.fair_hours import (
    Audience,
    AudienceBasis,
    AudienceGroup,
    Burden,
    CountryHours,
    FairHours,
    Hour,
    Lasting,
    Rotation,
    burdens,
    country_hours,
    fairest,
    first_hour,
    hours_of_week,
    least,
    newly_at_night,
    rotation,
)
from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.rules import FIRST_YEAR, LAST_YEAR, check_can_edit_series, not_cancelled, resolve_local
from lms.core.base import events
from lms.core.base.errors import Invalid
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.time import clock, zones
from lms.people.queries.countries import partner_codes

MOST_MINUTES = 1440
AHEAD = timedelta(days=8)
"""A day of the week that is shown while no date is given: the first that begins after two days."""


@dataclass(frozen=True)
class SeriesHours:
    """A week for those whom a series is for. `chosen` is the local time of the planned lecture; `span` is null where
    there is none, or where the clocks do not show it once (`impossible` says why)."""

    audience: Audience
    time_zone: str
    duration_minutes: int
    first: date
    hours: Sequence[Hour]
    fairest: Sequence[FairHours]
    chosen: datetime | None
    span: Lasting | None
    burden: Burden | None
    impossible: str
    countries: Sequence[CountryHours]
    rotation: Rotation

    @cached_property
    def least(self) -> float | None:
        """The smallest weight of the week; a page asks for it with each of its hours."""
        return least(self.hours)

    @property
    def opens(self) -> int:
        """The hour at which the day that is drawn begins."""
        return first_hour(self.span, self.time_zone) if self.span is not None else 0

    @property
    def begins(self) -> float:
        """Where the lecture begins on the day that is drawn, in hours."""
        assert self.chosen is not None
        return self.chosen.hour + self.chosen.minute / 60 - self.opens

    @property
    def lasts(self) -> float:
        """How much of the day that is drawn the lecture takes, in hours."""
        return min(self.duration_minutes / 60, 24 - self.begins)

    @property
    def by_hour(self) -> list[Sequence[Hour]]:
        """The hours of the week as rows of a table: for each hour of the day its seven days."""
        return [self.hours[number::24] for number in range(24)]


@dataclass(frozen=True)
class HoursRequest:
    """A planned lecture: a local time (null: not yet), a zone, how long; and on which day weeks begin (Monday is 0).
    `near`: a day of the week that is shown while there is no local time."""

    local_start: datetime | None
    time_zone: str
    duration_minutes: int
    first_weekday: int = 0
    first: date | None = None
    near: date | None = None


def hours_for(
    series: Series, request: HoursRequest, *, locale: str, by: Actor, at: datetime, but: Collection[int] = ()
) -> SeriesHours:
    """The hours of the week of a planned lecture.

    `but`: lectures that the rotation leaves out, such as the lecture being replanned. Raises NotFound or Forbidden for
    people who cannot plan lectures of the series.
    """
    check_can_edit_series(series, by)
    if request.first is not None and not FIRST_YEAR <= request.first.year <= LAST_YEAR:
        raise Invalid("first", _("Enter a year between %(first)s and %(last)s.", first=FIRST_YEAR, last=LAST_YEAR))
    audience = audience_of(series, by=by, at=at)
    zone, minutes = request.time_zone, min(max(request.duration_minutes, 1), MOST_MINUTES)
    chosen, span, impossible = request.local_start, None, ""
    if chosen is not None:
        try:
            start = resolve_local(chosen, zone)
            span = Lasting(start, start + timedelta(minutes=minutes))
        except Invalid as error:
            impossible = str(error.faults[0].reason)
    day = chosen.date() if chosen is not None else request.near or _first_day(series, zone, at)
    first = request.first or _week_of(day, zone, request.first_weekday, at)
    minute = chosen.minute if chosen is not None else 0
    week = hours_of_week(audience, first, minute, zone, minutes)
    planned = chosen.replace(second=0, microsecond=0) if chosen is not None else None
    left_out = set(but)
    lectures = [lecture for lecture in list_lectures(series.id, by=by) if lecture.id not in left_out]
    return SeriesHours(
        audience=audience,
        time_zone=zone,
        duration_minutes=minutes,
        first=first,
        hours=week,
        fairest=fairest(week, audience, minutes, chosen=planned, at=_earliest(series, first, zone, at)),
        chosen=chosen,
        span=span,
        burden=burdens(audience, [span])[0] if span is not None else None,
        impossible=impossible,
        countries=country_hours(audience, span, zone, locale) if span is not None else (),
        rotation=rotation_of(audience, lectures),
    )


def _week_of(day: date | None, zone: str, first_weekday: int, at: datetime) -> date:
    """The first day of the week that contains a day; without a day, of the week after this one."""
    day = day or ((at + AHEAD).replace(tzinfo=None) + zones.offset(zone, at)).date()
    day = min(max(day, date(FIRST_YEAR, 1, 8)), date(LAST_YEAR, 12, 24))
    return day - timedelta(days=(day.weekday() - first_weekday) % 7)


def _first_day(series: Series, zone: str, at: datetime) -> date | None:
    """The first day of a series that has not begun."""
    today = (at.replace(tzinfo=None) + zones.offset(zone, at)).date()
    return series.starts_on if series.starts_on is not None and series.starts_on > today else None


def _earliest(series: Series, first: date, zone: str, at: datetime) -> datetime:
    """From when on hours of a week are proposed: now, or the first day of a series that begins in this week."""
    day = _first_day(series, zone, at)
    if day is None or not first <= day < first + timedelta(days=7):
        return at
    midnight = datetime.combine(day, time(), UTC)
    return max(at, midnight - zones.offset(zone, midnight))


def audience_of(series: Series, *, by: Actor, at: datetime) -> Audience:
    """The people for whom the hours of a series are compared: see `AudienceBasis`."""
    question = events.AudienceAsked(series_id=series.id, by=by, at=at)
    events.publish(question)
    if question.enrolled:
        return _grouped(AudienceBasis.ENROLLED, question.enrolled)
    if question.seats:
        return _grouped(AudienceBasis.SEATS, {(code, None): number for code, number in question.seats.items()})
    if series.countries:
        return _grouped(AudienceBasis.COUNTRIES, {(country.code, None): 1 for country in series.countries})
    day = clock.day_of(at, clock.reporting_zone())
    return _grouped(AudienceBasis.PARTNERS, {(code, None): 1 for code in partner_codes(day)})


def _grouped(basis: AudienceBasis, homes: Mapping[tuple[str | None, str | None], int]) -> Audience:
    """People by country and zone: their own, else the main one of the country."""
    counts: Counter[tuple[str | None, str]] = Counter()
    unlocated = 0
    for (code, home_zone), people in homes.items():
        zone = (zones.canonical(home_zone) if home_zone else None) or zones.main_zone(code)
        if zone is None:
            unlocated += people
        else:
            counts[code, zone] += people
    ordered = sorted(counts.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    return Audience(basis, tuple(AudienceGroup(code, zone, people) for (code, zone), people in ordered), unlocated)


def rotation_of(audience: Audience, lectures: Iterable[Lecture]) -> Rotation:
    """How the nights of these lectures were shared out: of all that were held or are planned, but not cancelled."""
    spans = [span_of(lecture) for lecture in not_cancelled(lectures)]
    return rotation(audience, [Lasting(*span) for span in spans if span is not None])


@dataclass(frozen=True)
class Night:
    """A date among others: its burden, and the countries in which it is night for more people than on the date before,
    and no longer for as many, since the local hour is the same: because clocks change."""

    burden: Burden
    more: Mapping[str | None, int]
    fewer: Mapping[str | None, int]

    @property
    def changed(self) -> bool:
        """Whether clocks make it night for others than before."""
        return bool(self.more or self.fewer)


def nights_of(
    audience: Audience, spans: Sequence[Lasting | None], before: Sequence[Lasting | None] | None = None
) -> list[Night | None]:
    """The burden of each date (null for an impossible one), compared with its own date in `before`, or without that
    with the date that precedes it."""
    known = iter(burdens(audience, [span for span in spans if span is not None]))
    burdens_of = [next(known) if span is not None else None for span in spans]
    if before is not None:
        earlier = iter(burdens(audience, [one for one in before if one is not None]))
        compared = [next(earlier) if one is not None else None for one in before]
    else:
        compared, last = [], None
        for burden in burdens_of:
            compared.append(last)
            last = burden or last
    return [
        Night(burden, newly_at_night(burden, than or burden), newly_at_night(than or burden, burden))
        if burden is not None
        else None
        for burden, than in zip(burdens_of, compared, strict=True)
    ]
