"""How quantities are rounded for people to read: one function each, used wherever the quantity is shown.

Time that was spent is rounded down and time that is needed is rounded up, so nobody reads that they reached a mark
that they missed. The percentage that decides an outcome is rounded down: 59.96 % is not 60.0 %. Hours and shares of a
whole are rounded to the nearest tenth. Decisions are never made on rounded values. Lengths are whole milliseconds.
"""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def whole_minutes(ms: int) -> int:
    """Minutes that were spent, as pages show them: 54.9 is 54."""
    return ms // MINUTE_MS


def needed_minutes(ms: int) -> int:
    """Minutes that are needed, as pages show them: 54.1 is 55."""
    return -(-ms // MINUTE_MS)


def tenth_minutes(ms: int) -> float:
    """Minutes that were spent, as the API and files show them: one decimal, rounded down."""
    return ms // (MINUTE_MS // 10) / 10


def tenth_hours(ms: int) -> float:
    """Hours with one decimal, to the nearest tenth; a half is rounded up."""
    return (ms * 20 + HOUR_MS) // (2 * HOUR_MS) / 10


def percent_tenths(part: int, whole: int) -> int:
    """Tenths of a percent, rounded down and at most 1,000: 59.96 % is 599. Of nothing it is 0."""
    return min(part * 1000 // whole, 1000) if whole > 0 else 0


def percent(part: int, whole: int) -> float | None:
    """A part of a whole in percent, to the nearest tenth, a half up; null where the whole is 0. It may exceed 100."""
    return (part * 2000 + whole) // (2 * whole) / 10 if whole > 0 else None
