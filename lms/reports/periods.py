"""Periods that move with the calendar, and the moments at which a scheduled report is due: no database, no clock.

All days and hours are of the reporting zone.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Period(StrEnum):
    """A period given by its name, resolved when the report is opened or sent."""

    THIS_YEAR = "this_year"
    LAST_QUARTER = "last_quarter"
    LAST_MONTH = "last_month"
    ALL_TIME = "all_time"


class Rhythm(StrEnum):
    """How often a report is sent: each day, on Mondays, on the first of each month or of each quarter."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


@dataclass(frozen=True)
class Due:
    """One time a report is sent: its day, which names it, and the instant in UTC."""

    day: date
    moment: datetime


def days_of(period: Period, today: date) -> tuple[date | None, date | None]:
    """The first and last day of a period relative to a day, both included. None where it is open."""
    if period is Period.THIS_YEAR:
        return date(today.year, 1, 1), date(today.year, 12, 31)
    if period is Period.ALL_TIME:
        return None, None
    this = first_of_quarter(today) if period is Period.LAST_QUARTER else today.replace(day=1)
    last = this - timedelta(days=1)
    return (first_of_quarter(last) if period is Period.LAST_QUARTER else last.replace(day=1)), last


def first_of_quarter(day: date) -> date:
    """The first day of the calendar quarter of a day."""
    return date(day.year, day.month - (day.month - 1) % 3, 1)


def last_due(rhythm: Rhythm, hour: int, at: datetime, zone: str) -> Due:
    """The latest time that is not after `at`.

    An hour that the clocks leave out is the moment at which they are put forward by that much; of an hour that comes
    twice it is the first one.
    """
    there = ZoneInfo(zone)
    day = _begin(rhythm, at.astimezone(there).date())
    moment = _moment(day, hour, there)
    if moment > at:
        day = _begin(rhythm, day - timedelta(days=1))
        moment = _moment(day, hour, there)
    return Due(day, moment)


def next_due(rhythm: Rhythm, hour: int, at: datetime, zone: str) -> Due:
    """The first time that is after `at`."""
    there = ZoneInfo(zone)
    day = last_due(rhythm, hour, at, zone).day
    while True:
        day += timedelta(days=1)
        if day == _begin(rhythm, day) and (moment := _moment(day, hour, there)) > at:
            return Due(day, moment)


def _begin(rhythm: Rhythm, day: date) -> date:
    """The last day of sending that is not after a day."""
    if rhythm is Rhythm.WEEKLY:
        return day - timedelta(days=day.weekday())
    if rhythm is Rhythm.MONTHLY:
        return day.replace(day=1)
    return first_of_quarter(day) if rhythm is Rhythm.QUARTERLY else day


def _moment(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour), zone).astimezone(UTC)
