"""The days of a calendar: a month in whole weeks, or one week. Weeks begin on Monday, as ISO counts them."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

FIRST, LAST = date(2000, 1, 1), date(2100, 12, 31)
"""The days that can be looked at."""


class View(StrEnum):
    """How much is shown."""

    MONTH = "month"
    WEEK = "week"


@dataclass(frozen=True)
class CalendarPeriod:
    """A month or a week: `first` and `last` are its own days, `weeks` are all days that are shown, by week."""

    view: View
    first: date
    last: date
    weeks: list[list[date]]

    @property
    def previous(self) -> date | None:
        """A day of the period before; null at the end of time."""
        day = self.first - timedelta(days=1)
        return day if day >= FIRST else None

    @property
    def following(self) -> date | None:
        """A day of the period after; null at the end of time."""
        day = self.last + timedelta(days=1)
        return day if day <= LAST else None

    def spans(self, zone: str) -> tuple[datetime, datetime]:
        """When the days that are shown begin and end in a zone."""
        where = ZoneInfo(zone)
        begin, end = self.weeks[0][0], self.weeks[-1][-1] + timedelta(days=1)
        start, stop = (datetime.combine(day, time(), where).astimezone(UTC) for day in (begin, end))
        return start, stop


def period_of(view: View, on: date) -> CalendarPeriod:
    """The month or week that contains a day."""
    on = min(max(on, FIRST), LAST)
    if view is View.WEEK:
        monday = on - timedelta(days=on.weekday())
        return CalendarPeriod(view, monday, monday + timedelta(days=6), [_week(monday)])
    first, last = on.replace(day=1), on.replace(day=monthrange(on.year, on.month)[1])
    monday = first - timedelta(days=first.weekday())
    count = ((last - monday).days // 7) + 1
    return CalendarPeriod(view, first, last, [_week(monday + timedelta(days=7 * number)) for number in range(count)])


def _week(monday: date) -> list[date]:
    return [monday + timedelta(days=number) for number in range(7)]
