"""Times, numbers and names as the reader sees them: own zone first, own language always."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import (
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
    get_timezone_location,
)
from babel.numbers import format_decimal
from flask import Flask, current_app, g, has_request_context, request
from flask_babel import get_locale

from lms.core import clock
from lms.web.identity import current_actor

ZONES = frozenset(available_timezones()) - {"Factory", "localtime"}


def _locale() -> Locale:
    return get_locale() or Locale("en")


def organiser_zone() -> str:
    """The organiser's IANA zone."""
    zone: str = current_app.extensions["lms.config"].reporting_zone
    return zone


def viewer_zone() -> str:
    """The viewer's IANA zone: of the profile, else of the cookie, else the organiser's."""
    if not has_request_context():
        return getattr(g, "mail_zone", None) or organiser_zone()
    chosen = current_actor().time_zone or request.cookies.get("zone", "")
    return chosen if chosen in ZONES else organiser_zone()


def day(moment: datetime | date, zone: str | None = None) -> str:
    """ "Wednesday 2 December 2026" in the viewer's zone, or in `zone`."""
    shown = moment
    if isinstance(moment, datetime):
        shown = moment.astimezone(ZoneInfo(zone or viewer_zone())).date()
    return format_date(shown, "full" if _locale().language != "en" else "EEEE d MMMM y", locale=_locale())


def short_day(moment: datetime | date, zone: str | None = None) -> str:
    """ "2 December 2026" in the viewer's zone, or in `zone`."""
    shown = moment
    if isinstance(moment, datetime):
        shown = moment.astimezone(ZoneInfo(zone or viewer_zone())).date()
    return format_date(shown, "long" if _locale().language != "en" else "d MMMM y", locale=_locale())


def near_day(moment: datetime, zone: str | None = None) -> str:
    """ "Wed 2 December" in the viewer's zone, or in `zone`; with its year where that is not soon or just past."""
    local = moment.astimezone(ZoneInfo(zone or viewer_zone()))
    if abs(moment - clock.now()) > timedelta(days=300):
        return format_date(local.date(), "E d MMM y" if _locale().language == "en" else "long", locale=_locale())
    if _locale().language == "en":
        return format_date(local.date(), "E d MMMM", locale=_locale())
    return format_skeleton("MMMMEd", local, locale=_locale())


def time_of_day(moment: datetime, zone: str | None = None) -> str:
    """ "14:00" in the viewer's zone, or in `zone`."""
    return format_time(moment, "HH:mm", tzinfo=ZoneInfo(zone or viewer_zone()), locale=_locale())


def moment(when: datetime, zone: str | None = None) -> str:
    """ "25 November 2026, 06:00" in the viewer's zone, or in `zone`."""
    return format_datetime(when, "d MMMM y, HH:mm", tzinfo=ZoneInfo(zone or viewer_zone()), locale=_locale())


# CLDR keeps the names that some zones had when it began, and Babel does not find them under the new ones.
_CLDR_ZONES = {
    "America/Argentina/Buenos_Aires": "America/Buenos_Aires",
    "Asia/Ho_Chi_Minh": "Asia/Saigon",
    "Asia/Kathmandu": "Asia/Katmandu",
    "Asia/Kolkata": "Asia/Calcutta",
    "Asia/Yangon": "Asia/Rangoon",
    "Europe/Kyiv": "Europe/Kiev",
}


@lru_cache(maxsize=4096)
def _zone_city(zone: str, locale: str) -> str:
    read = Locale.parse(locale)
    known = read.time_zones.get(_CLDR_ZONES.get(zone, ""), {}).get("city")
    name = known or get_timezone_location(zone, locale=read, return_city=True) or zone
    return str(name).rsplit("/", 1)[-1].replace("_", " ")


def zone_city(zone: str) -> str:
    """ "Nairobi" for Africa/Nairobi, in the reader's language where CLDR knows it; the organiser's own city for
    the organiser's zone."""
    config = current_app.extensions["lms.config"]
    if zone == config.reporting_zone and config.organiser_city:
        return str(config.organiser_city)
    return "UTC" if zone == "UTC" else _zone_city(zone, str(_locale()))


def number(value: float | int) -> str:
    """ "104,312", grouped as the reader's language does; at most one decimal."""
    return format_decimal(value, format="#,##0.#", locale=_locale())


def percent_tenths(tenths: int) -> str:
    """ "59.9" of 599, cut, never rounded up."""
    return format_decimal(tenths / 10, format="#,##0.#", locale=_locale())


def ago(when: datetime, now: datetime | None = None) -> str:
    """ "12 minutes ago", "in 7 days", "3 months ago": in words, from `now`; below two months whole days are said,
    as the page's script does that keeps them true."""
    delta: timedelta = when - (now or clock.now())
    length = abs(delta)
    if length >= timedelta(days=60):
        return format_timedelta(delta, add_direction=True, locale=_locale())
    unit: Literal["day", "hour", "minute"] = (
        "day" if length >= timedelta(days=1) else "hour" if length >= timedelta(hours=1) else "minute"
    )
    return format_timedelta(delta, granularity=unit, threshold=1e9, add_direction=True, locale=_locale())


def span(delta: timedelta | int) -> str:
    """ "6 days", "90 minutes": a length in words; a number is seconds."""
    return format_timedelta(delta, locale=_locale())


def minutes(ms: int) -> str:
    """Whole minutes of a length in milliseconds, rounded down."""
    return number(ms // 60_000)


def language_name(code: str) -> str:
    """ "French" for fr, in the reader's language."""
    try:
        return Locale.parse(code, sep="-").get_display_name(_locale()) or code
    except (UnknownLocaleError, ValueError):
        return code


def init_app(app: Flask) -> None:
    """Registers the filters."""
    filters: dict[str, Callable[..., str]] = {
        "day": day, "short_day": short_day, "near_day": near_day, "clock": time_of_day, "moment": moment,
        "zone_city": zone_city, "number": number, "percent_tenths": percent_tenths, "ago": ago, "span": span,
        "minutes": minutes, "language_name": language_name,
    }  # fmt: skip
    for name, function in filters.items():
        app.add_template_filter(function, name)
