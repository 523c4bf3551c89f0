"""Lengths of time in words, rounded alike on pages, in e-mails, in the API and in files.

Where whole minutes would contradict a result, or hide by how little it was missed, the words have seconds.
"""

import math

from lms.core.text.i18n import _, _n

SECOND_MS = 1000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def whole_minutes(ms: int) -> int:
    """Minutes that were spent, as pages show them: 54.9 is 54."""
    return ms // MINUTE_MS


def needed_minutes(ms: int) -> int:
    """Minutes that are needed, as pages show them: 54.1 is 55."""
    return -(-ms // MINUTE_MS)


def short_minutes(present_ms: int, needed_ms: int) -> int:
    """Minutes that are missing: those needed less those spent, as pages show both. 54.1 less 47.9 is 8."""
    return max(needed_minutes(needed_ms) - whole_minutes(present_ms), 0) if present_ms < needed_ms else 0


def depends_on_seconds(present_ms: int, needed_ms: int) -> bool:
    """Whether minutes do not explain a result: less than one is missing, or the rounded mark looks missed."""
    if present_ms < needed_ms:
        return needed_ms - present_ms < MINUTE_MS
    return whole_minutes(present_ms) < needed_minutes(needed_ms)


def tenth_minutes(ms: int) -> float:
    """Minutes that were spent, as the API and files show them: one decimal, rounded down."""
    return ms // (MINUTE_MS // 10) / 10


def tenth_hours(ms: int) -> float:
    """Hours with one decimal, to the nearest tenth; a half is rounded up."""
    return (ms * 20 + HOUR_MS) // (2 * HOUR_MS) / 10


def nearest_whole(value: float) -> int:
    """The nearest whole number, a half up, as pages show contact hours and averages of people."""
    return math.floor(value + 0.5)


def percent_tenths(part: int, whole: int) -> int:
    """Tenths of a percent, rounded down and at most 1,000: 59.96 % is 599. Of nothing it is 0."""
    return min(part * 1000 // whole, 1000) if whole > 0 else 0


def percent(part: int, whole: int) -> float | None:
    """A part of a whole in percent, to the nearest tenth, a half up; null where the whole is 0. It may exceed 100."""
    return (part * 2000 + whole) // (2 * whole) / 10 if whole > 0 else None


def with_seconds(ms: int) -> str:
    """ "54 min 2 s", "54 min", "30 s": seconds are rounded down."""
    minutes, seconds = divmod(ms // SECOND_MS, 60)
    if not minutes:
        return _("%(seconds)s s", seconds=seconds)
    if not seconds:
        return _("%(minutes)s min", minutes=minutes)
    return _("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=seconds)


def spent_of(present_ms: int, length_ms: int, needed_ms: int) -> str:
    """ "47 of 90 minutes"; where the result depends on seconds "54 min 2 s of 90 min 8 s, 54 min 5 s needed"."""
    if depends_on_seconds(present_ms, needed_ms):
        return _seconds_of(present_ms, length_ms, needed_ms)
    minutes = whole_minutes(length_ms)
    if 0 < present_ms < MINUTE_MS:
        return _n("less than one of %(num)s minute", "less than one of %(num)s minutes", minutes)
    spent = whole_minutes(present_ms)
    return _n("%(seen)s of %(num)s minute", "%(seen)s of %(num)s minutes", minutes, seen=spent)


def brief_spent_of(present_ms: int, length_ms: int, needed_ms: int) -> str:
    """Like `spent_of`, abbreviated: "47 of 90 min"."""
    if depends_on_seconds(present_ms, needed_ms):
        return _seconds_of(present_ms, length_ms, needed_ms)
    spent, length = whole_minutes(present_ms), whole_minutes(length_ms)
    return _("%(seen)s of %(length)s min", seen=spent, length=length)


def short_by(present_ms: int, needed_ms: int) -> str:
    """ "8 min": the minutes needed less the minutes spent, as both are shown. "35 s" where seconds decide."""
    if depends_on_seconds(present_ms, needed_ms):
        return with_seconds((_needed_seconds(needed_ms) - present_ms // SECOND_MS) * SECOND_MS)
    return _("%(minutes)s min", minutes=short_minutes(present_ms, needed_ms))


def _seconds_of(present_ms: int, length_ms: int, needed_ms: int) -> str:
    return _(
        "%(spent)s of %(length)s, %(needed)s needed",
        spent=with_seconds(present_ms),
        length=with_seconds(length_ms),
        needed=with_seconds(_needed_seconds(needed_ms) * SECOND_MS),
    )


def _needed_seconds(ms: int) -> int:
    return -(-ms // SECOND_MS)
