"""The programme as a calendar: a month or a week, in the reader's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import render_template, request
from flask.typing import ResponseReturnValue

from lms.catalogue.rules import Station, may_create_series
from lms.core.time import clock, zones
from lms.core.time.days_off import holidays_on
from lms.dashboards.calendar_weeks import View, period_of
from lms.dashboards.queries.calendar import list_calendar
from lms.dashboards.views.blueprint import bp
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import offset_words, viewer_zone
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor


@bp.get("/calendar")
@allow(ANYONE)
@same_for_strangers
def calendar() -> ResponseReturnValue:
    """Shows the lectures of a month or week, all or the reader's own, with the public holidays of the reader's zone."""
    by, zone, now = current_actor(), viewer_zone(), clock.now()
    today = now.astimezone(ZoneInfo(zone)).date()
    view = View.WEEK if request.args.get("view") == View.WEEK else View.MONTH
    period = period_of(view, _day(request.args.get("on")) or today)
    only_own = by.is_signed_in and request.args.get("whose") == "mine"
    lectures, own_series_ids = list_calendar(*period.spans(zone), only_own=only_own, by=by)
    by_day = _by_day(lectures, zone)
    shown = [one for day in _days(period.first, period.last, by_day) for one in by_day[day]]
    land = zones.territories().get(zone)
    return render_template(
        "dashboards/calendar.html",
        period=period,
        today=today,
        by_day=by_day,
        own=own_series_ids,
        only_own=only_own,
        count=len(shown),
        own_count=sum(one.series_id in own_series_ids for one in shown),
        land=land,
        holidays=_holidays(period.weeks, land),
        offset=offset_words(zone, period.spans(zone)[0] if today < period.first else now),
        may_schedule=may_create_series(by),
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def _by_day(lectures: Iterable[Station], zone: str) -> dict[date, list[Station]]:
    """Lectures by the day on which they begin for the reader."""
    where, by_day = ZoneInfo(zone), dict[date, list[Station]]()
    for lecture in lectures:
        began: datetime | None = lecture.actual_start or lecture.starts_at
        if began is not None:
            by_day.setdefault(began.astimezone(where).date(), []).append(lecture)
    return by_day


def _days(first: date, last: date, days: Iterable[date]) -> list[date]:
    return [day for day in days if first <= day <= last]


def _holidays(weeks: Iterable[Iterable[date]], land: str | None) -> dict[date, str]:
    """The public holidays of a country on these days, by name."""
    if land is None:
        return {}
    locale = reader_locale()
    holidays = {day: holidays_on(day, [land], locale) for week in weeks for day in week}
    return {day: names[0].name for day, names in holidays.items() if names}
