"""Days, times and zones in the reader's language, in a zone that the caller names. For pages: `lms.web.time`."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from lms.core import dates, zones
from lms.core.i18n import _, reader_locale
from lms.core.settings import settings
from lms.setting_values import name_in


def day_in(moment: datetime | date, zone: str) -> str:
    """ "2 December 2026": the day of an instant in a zone; a day is itself."""
    local = moment.astimezone(ZoneInfo(zone)).date() if isinstance(moment, datetime) else moment
    return dates.long_day(local, reader_locale())


def time_in(moment: datetime, zone: str) -> str:
    """ "14:00"."""
    local = moment.astimezone(ZoneInfo(zone))
    return dates.written_clock(local.hour, local.minute, reader_locale())


def moment_in(moment: datetime, zone: str) -> str:
    """ "25 November 2026, 06:00"."""
    return beside_time(day_in(moment, zone), time_in(moment, zone))


def beside_time(day_words: str, time_words: str) -> str:
    """A day and a time, joined as CLDR joins them in the reader's language; markup where one of them is."""
    return dates.joined(day_words, time_words, reader_locale())


def range_of(start: str, end: str) -> str:
    """ "14:00–15:30" of two times in words, from one to the other in the direction in which the language is read."""
    return _("%(start)s–%(end)s", start=start, end=end)


def hours_in(start: datetime, end: datetime, zone: str) -> str:
    """ "14:00–15:30"."""
    return range_of(time_in(start, zone), time_in(end, zone))


def span_in(start: datetime, end: datetime, zone: str) -> tuple[str, str]:
    """Start and end of a span; the end without its day where that is the day of the start."""
    is_same_day = start.astimezone(ZoneInfo(zone)).date() == end.astimezone(ZoneInfo(zone)).date()
    return moment_in(start, zone), time_in(end, zone) if is_same_day else moment_in(end, zone)


@lru_cache(maxsize=8192)
def _zone_city(zone: str, locale: str) -> str:
    return zones.city_of(zone, locale)


def zone_city(zone: str) -> str:
    """ "Nairobi" for Africa/Nairobi, in the reader's language where CLDR knows it; the organiser's own city for
    the organiser's zone."""
    config = settings()
    if zone == config.reporting_zone and config.organiser_city:
        return name_in(config.organiser_city_names, reader_locale()) or str(config.organiser_city)
    return "UTC" if zone == "UTC" else _zone_city(zone, reader_locale())
