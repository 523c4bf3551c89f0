"""Days, times, ranges and zones in the reader's language, in a zone that the caller names.

For pages: `web.pages.time`.
"""

import re
from datetime import UTC, date, datetime
from datetime import time as clock_time
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_datetime_format, match_skeleton
from markupsafe import Markup

from lms.core.base.settings import settings
from lms.core.text.i18n import _, cldr_locale, reader_locale
from lms.core.time import zones
from lms.setting_values import name_in

# The text of a value in a language is always the same: each is built once and cached.
_cached = lru_cache(maxsize=8192)
_MONTH_ALONE = {"ru": "LLLL", "zh": "MMM"}
"""Patterns of a month without a day, where it is written otherwise than beside one.

Other languages do not ask for `LLLL`: they have it as an alias, which Babel keeps for all of them as it resolved it for
the first (December was 十二月 in French after somebody had asked for it in Chinese).
"""


@_cached
def written_day(day: date, pattern: str, locale: str) -> str:
    """A day in a pattern or a named length of CLDR."""
    return _with_first(format_date(day, pattern, locale=cldr_locale(locale)), locale)


@_cached
def in_skeleton(skeleton: str, day: date, locale: str) -> str:
    """A day with the fields of a skeleton of CLDR, ordered and joined as the language does."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _with_first(format_skeleton(skeleton, moment, locale=cldr_locale(locale)), locale)


@_cached
def weekday_and_day(day: date, locale: str) -> str:
    """ "Tuesday 8 December": all words in full, ordered and joined as the language does.

    CLDR has this order for short words only, and Babel does not widen them (UTS 35, "Missing Skeleton Fields").
    """
    if locale.startswith("en"):
        return written_day(day, "EEEE d MMMM", locale)
    skeletons = Locale.parse(cldr_locale(locale)).datetime_skeletons
    pattern = skeletons[match_skeleton("MMMMEd", skeletons)].pattern
    return written_day(day, re.sub("MMM+", "MMMM", re.sub("[cE]+", "EEEE", pattern)), locale)


def month_alone(day: date, locale: str) -> str:
    """ "December"."""
    return written_day(day, _MONTH_ALONE.get(locale, "MMMM"), locale)


def _with_first(words: str, locale: str) -> str:
    """A date in words; the first of a month is an ordinal number in French, which CLDR's patterns leave out."""
    return re.sub(r"(?<!\d)1(?= \w)", "1er", words) if locale.startswith("fr") else words


@_cached
def written_clock(hour: int, minute: int, locale: str) -> str:
    """ "14:05"."""
    return format_time(clock_time(hour, minute), "HH:mm", locale=cldr_locale(locale))


def long_day(day: date, locale: str) -> str:
    """ "25 November 2026"."""
    return written_day(day, "d MMMM y" if locale.startswith("en") else "long", locale)


def joined(day_words: str, time_words: str, locale: str) -> str:
    """A day and a time of day, joined as CLDR joins them in this language; markup where one of them is."""
    pattern = str(get_datetime_format("medium", cldr_locale(locale))).replace("'", "")
    if isinstance(day_words, Markup) or isinstance(time_words, Markup):
        pattern = Markup(pattern)  # noqa: S704 - of CLDR; what is put into it is escaped
    return pattern.replace("{1}", day_words).replace("{0}", time_words)


def day_in(moment: datetime | date, zone: str) -> str:
    """ "2 December 2026": the day of an instant in a zone; a day is itself."""
    local = moment.astimezone(ZoneInfo(zone)).date() if isinstance(moment, datetime) else moment
    return long_day(local, reader_locale())


def time_in(moment: datetime, zone: str) -> str:
    """ "14:00"."""
    local = moment.astimezone(ZoneInfo(zone))
    return written_clock(local.hour, local.minute, reader_locale())


def moment_in(moment: datetime, zone: str) -> str:
    """ "25 November 2026, 06:00"."""
    return beside_time(day_in(moment, zone), time_in(moment, zone))


def beside_time(day_words: str, time_words: str) -> str:
    """A day and a time, joined as CLDR joins them in the reader's language; markup where one of them is."""
    return joined(day_words, time_words, reader_locale())


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
