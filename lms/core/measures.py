"""How quantities are rounded for people to read: one function each, used wherever the quantity is shown.

Time that was spent is rounded down and time that is needed is rounded up, so nobody reads that they reached a mark
that they missed. The percentage that decides an outcome is rounded down: 59.96 % is not 60.0 %. Hours and shares of a
whole are rounded to the nearest tenth; pages show contact hours as whole numbers. Decisions are never made on rounded
values. Lengths are whole milliseconds.
"""

from __future__ import annotations

import math

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
