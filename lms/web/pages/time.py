"""Times, numbers and names as the reader sees them: own zone first, own language always.

Reads local times in what programs send.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from apiflask.fields import NaiveDateTime, String
from babel import Locale, UnknownLocaleError
from babel.dates import (
    format_timedelta,
)
from babel.numbers import format_decimal
from flask import Flask, g, has_request_context, request

from lms.core.text.i18n import _, _l, cldr_locale
from lms.core.text.punctuation import at_start
from lms.core.time import clock, dates, durations, zones
from lms.core.time.dates import beside_time, hours_in, moment_in, time_in
from lms.core.time.dates import zone_city as zone_city
from lms.core.time.durations import brief_spent_of, spent_of, with_seconds
from lms.web.pages.locale import reader_locale
from lms.web.request.identity import current_actor

# The text of a value in a language is always the same: each sentence is built once and cached.
_said = lru_cache(maxsize=8192)


def organiser_zone() -> str:
    """The organiser's IANA zone, in which reports count."""
    return clock.reporting_zone()


def likely_zones(*zones: str) -> list[str]:
    """Zones to choose from first: these, the viewer's and the organiser's."""
    return list(dict.fromkeys((*zones, viewer_zone(), organiser_zone())))


def known_zone() -> str | None:
    """The reader's IANA zone where one is known: of the profile, else what the browser said or the reader chose.

    None where nobody said; pages then show the organiser's time and name it. Found once a page.
    """
    if "zone" not in g:
        g.zone = _chosen_zone()
    zone: str | None = g.zone
    return zone


def viewer_zone() -> str:
    """Returns the IANA zone for the reader's times: their stored zone if known, otherwise the page's proposal, or the
    organiser's.
    """
    return known_zone() or g.get("proposed_zone") or organiser_zone()


def propose_zone(zone: str | None) -> None:
    """Shows times of this page in a zone where the reader's own is not known. Pages then name it."""
    g.proposed_zone = zone


def _chosen_zone() -> str | None:
    if not has_request_context():
        return None
    return current_actor().time_zone or cookie_zone()


def cookie_zone() -> str | None:
    """The zone that this browser keeps."""
    return zones.canonical(request.cookies.get("zone", ""))


def _local(moment: datetime | date, zone: str | None) -> date:
    """The day of an instant in a zone, the viewer's unless one is given; a day is itself."""
    if isinstance(moment, datetime):
        return moment.astimezone(ZoneInfo(zone or viewer_zone())).date()
    return moment


def _day_in(skeleton: str, day: date, locale: str, *, english: str) -> str:
    """A day with the fields of a skeleton of CLDR; in English in a pattern of our own."""
    if locale.startswith("en"):
        return dates.written_day(day, english, locale)
    return dates.in_skeleton(skeleton, day, locale)


def _pattern(locale: str, localised: str, english: str) -> str:
    return english if locale.startswith("en") else localised


def day(moment: datetime | date, zone: str | None = None) -> str:
    """ "Wednesday 2 December 2026" in the viewer's zone, or in `zone`."""
    locale = reader_locale()
    return dates.written_day(_local(moment, zone), _pattern(locale, "full", "EEEE d MMMM y"), locale)


def short_day(moment: datetime | date, zone: str | None = None) -> str:
    """ "2 December 2026" in the viewer's zone, or in `zone`."""
    locale = reader_locale()
    return dates.written_day(_local(moment, zone), _pattern(locale, "long", "d MMMM y"), locale)


def month_name(day: date, kind: Literal["year", "only"] = "year") -> str:
    """ "December 2026", or "December" alone."""
    locale = reader_locale()
    return dates.month_alone(day, locale) if kind == "only" else dates.in_skeleton("yMMMM", day, locale)


def weekday(day: date, width: Literal["wide", "short"] = "wide") -> str:
    """ "Wednesday", or "Wed"."""
    return dates.written_day(day, "cccc" if width == "wide" else "ccc", reader_locale())


def weekday_and_day(day: date) -> str:
    """ "Tuesday 8 December"."""
    return dates.weekday_and_day(day, reader_locale())


def first_weekday() -> int:
    """The day on which weeks begin where the reader's language is spoken, Monday being 0."""
    return Locale.parse(cldr_locale(reader_locale())).first_week_day


def day_and_month(day: date) -> str:
    """ "30 Nov"."""
    locale = reader_locale()
    return _day_in("MMMd", day, locale, english="d MMM")


def near_day(moment: datetime, zone: str | None = None, *, with_year: bool = False) -> str:
    """ "Wed 2 December" in the viewer's zone, or in `zone`; with its year where that is not soon or just past, or next
    to days of other years (`with_year`).
    """
    locale, local = reader_locale(), _local(moment, zone)
    if with_year or abs(moment - clock.now()) > timedelta(days=300):
        return dates.written_day(local, _pattern(locale, "long", "E d MMM y"), locale)
    return _day_in("MMMMEd", local, locale, english="E d MMMM")


def time_of_day(moment: datetime, zone: str | None = None) -> str:
    """ "14:00" in the viewer's zone, or in `zone`."""
    return time_in(moment, zone or viewer_zone())


def hours(start: datetime, end: datetime, zone: str | None = None) -> str:
    """ "14:00–15:30" in the viewer's zone, or in `zone`."""
    return hours_in(start, end, zone or viewer_zone())


def moment(when: datetime, zone: str | None = None) -> str:
    """ "25 November 2026, 06:00" in the viewer's zone, or in `zone`."""
    return moment_in(when, zone or viewer_zone())


def brief_moment(when: datetime) -> str:
    """ "25 Nov, 06:00" in the viewer's zone, with its year where that is not soon or just past."""
    local, locale = _local(when, None), reader_locale()
    is_near = abs(when - clock.now()) <= timedelta(days=300)
    day_words = day_and_month(local) if is_near else _day_in("yMMMd", local, locale, english="d MMM y")
    return beside_time(day_words, time_of_day(when))


def timestamp(when: datetime) -> str:
    """The `datetime` attribute of a moment: whole seconds, since HTML allows no microseconds."""
    return when.isoformat(timespec="seconds")


def offset_words(zone: str, at: datetime) -> str:
    """ "UTC+5:45": how far a zone is from UTC at a moment."""
    ahead = zones.offset(zone, at)
    sign, minutes = ("−" if ahead < timedelta() else "+"), abs(ahead) // timedelta(minutes=1)
    hours, rest = divmod(minutes, 60)
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def number(value: float | int) -> str:
    """ "104,312", grouped as the reader's language does; at most one decimal."""
    return _number(value, reader_locale())


def one_decimal(value: float) -> str:
    """ "4.0", "4.1": for a mean, whose decimal says how exact it is."""
    return format_decimal(value, format="#,##0.0", locale=cldr_locale(reader_locale()))


def whole_number(value: float | int) -> str:
    """ "268,769" of 268768.5: to the nearest whole number, a half up. Above 0 it is never written as 0."""
    rounded = durations.nearest_whole(value)
    return _("less than 1") if value > 0 and not rounded else number(rounded)


@_said
def _number(value: float, locale: str) -> str:
    return format_decimal(value, format="#,##0.#", locale=cldr_locale(locale))


def percent_tenths(tenths: int) -> str:
    """ "59.9" of 599, cut, never rounded up."""
    return number(tenths / 10)


_Unit = Literal["year", "month", "day", "hour", "minute"]
_SECONDS: dict[_Unit, int] = {"year": 31_536_000, "month": 2_592_000, "day": 86_400, "hour": 3_600, "minute": 60}


def ago(when: datetime, now: datetime | None = None) -> str:
    """ "12 minutes ago", "in 7 days", "3 months ago": in words, from `now`.

    Below two months, whole days are used, as in the page's script that updates them.
    """
    seconds = (when - (now or clock.now())) // timedelta(seconds=1)
    length = abs(seconds)
    unit: _Unit = "minute"
    if length >= 60 * _SECONDS["day"]:
        unit = "year" if length >= 0.85 * _SECONDS["year"] else "month"
    elif length >= _SECONDS["hour"]:
        unit = "day" if length >= _SECONDS["day"] else "hour"
    count = round(length / _SECONDS[unit])
    return _ago(unit, max(count, 1) if length else 0, seconds >= 0, reader_locale())


@_said
def _ago(unit: _Unit, count: int, is_to_come: bool, locale: str) -> str:
    seconds = count * _SECONDS[unit] * (1 if is_to_come else -1)
    return format_timedelta(seconds, granularity=unit, threshold=1e9, add_direction=True, locale=cldr_locale(locale))


def span(delta: timedelta | int) -> str:
    """ "6 days", "90 minutes": a length in words; a number is seconds."""
    return format_timedelta(delta, locale=cldr_locale(reader_locale()))


def minutes(ms: int) -> str:
    """Whole minutes of a length in milliseconds, rounded down."""
    return number(durations.whole_minutes(ms))


def needed_minutes(ms: int) -> str:
    """Minutes that are needed, of a length in milliseconds, rounded up."""
    return number(durations.needed_minutes(ms))


def language_name(code: str) -> str:
    """ "French" for fr, in the reader's language."""
    return _language_name(code, reader_locale())


@_said
def _language_name(code: str, locale: str) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name(cldr_locale(locale)) or code
    except (UnknownLocaleError, ValueError):
        return code


def init_app(app: Flask) -> None:
    """Registers the filters."""
    filters: dict[str, Callable[..., object]] = {
        "day": day, "short_day": short_day, "near_day": near_day, "month_name": month_name,
        "at_start": at_start, "weekday": weekday, "weekday_and_day": weekday_and_day, "day_and_month": day_and_month,
        "clock": time_of_day, "hours": hours, "moment": moment,
        "brief_moment": brief_moment, "beside_time": beside_time, "timestamp": timestamp,
        "zone_city": zone_city, "number": number, "whole_number": whole_number, "one_decimal": one_decimal,
        "percent_tenths": percent_tenths, "ago": ago, "span": span,
        "minutes": minutes, "needed_minutes": needed_minutes, "whole_minutes": durations.whole_minutes,
        "whole_needed_minutes": durations.needed_minutes, "tenth_minutes": durations.tenth_minutes,
        "depends_on_seconds": durations.depends_on_seconds, "spent_of": spent_of, "brief_spent_of": brief_spent_of,
        "with_seconds": with_seconds, "language_name": language_name,
    }  # fmt: skip
    for name, function in filters.items():
        app.add_template_filter(function, name)


_LOCAL = _l("Enter a local time without an offset, such as 2026-12-02T14:00.")


_LOCAL_PATTERN = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"


class LocalTime(NaiveDateTime):
    """A local date and time without an offset."""

    def __init__(self, **options: Any) -> None:
        # In the document too: a `date-time` of RFC 3339 would have an offset
        super().__init__(metadata={"format": "date-time-local", "pattern": _LOCAL_PATTERN}, **options)

    default_error_messages = {
        "invalid": _LOCAL,
        "invalid_awareness": _LOCAL,
        "format": _LOCAL,
        "null": _l("Field may not be null."),
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not re.fullmatch(_LOCAL_PATTERN, value, re.ASCII):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        read: datetime = super()._deserialize(value, attr, data, **kwargs)
        return read


class LocalTimeOut(String):
    """A local date and time of an answer, without an offset."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value.isoformat())
