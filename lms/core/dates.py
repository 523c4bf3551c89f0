"""Dates in words, as CLDR writes them in each language."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from datetime import time as clock_time
from functools import lru_cache

from babel.dates import format_date, format_skeleton, format_time, get_datetime_format
from markupsafe import Markup

# The text of a value in a language is always the same: each is built once and cached.
_cached = lru_cache(maxsize=8192)


@_cached
def written_day(day: date, pattern: str, locale: str) -> str:
    """A day in a pattern or a named length of CLDR."""
    return _with_first(format_date(day, pattern, locale=locale), locale)


@_cached
def in_skeleton(skeleton: str, day: date, locale: str) -> str:
    """A day with the fields of a skeleton of CLDR, ordered and joined as the language does."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _with_first(format_skeleton(skeleton, moment, locale=locale), locale)


def _with_first(words: str, locale: str) -> str:
    """A date in words; the first of a month is an ordinal number in French, which CLDR's patterns leave out."""
    return re.sub(r"(?<!\d)1(?= \w)", "1er", words) if locale.startswith("fr") else words


@_cached
def written_clock(hour: int, minute: int, locale: str) -> str:
    """ "14:05"."""
    return format_time(clock_time(hour, minute), "HH:mm", locale=locale)


def long_day(day: date, locale: str) -> str:
    """ "25 November 2026"."""
    return written_day(day, "d MMMM y" if locale.startswith("en") else "long", locale)


def joined(day_words: str, time_words: str, locale: str) -> str:
    """A day and a time of day, joined as CLDR joins them in this language; markup where one of them is."""
    pattern = str(get_datetime_format("medium", locale)).replace("'", "")
    if isinstance(day_words, Markup) or isinstance(time_words, Markup):
        pattern = Markup(pattern)  # noqa: S704 - of CLDR; what is put into it is escaped
    return pattern.replace("{1}", day_words).replace("{0}", time_words)
