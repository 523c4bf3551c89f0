"""How many people are in a room, counted once for all who look."""

from __future__ import annotations

from datetime import datetime

from lms.attendance.presence import viewers
from lms.core import clock
from lms.core.process_cache import memory

VIEWERS_STAND = 5_000
"""How long a viewer count is cached, in milliseconds."""


def count_viewers(lecture_id: int, at: datetime) -> int:
    """How many people are in the room: counted at most every `VIEWERS_STAND` in each process, shared by all who look.

    Thousands of pages ask every few seconds, and each count looks through the beats of them all.
    """
    cached, now = memory("viewers"), clock.to_ms(at)
    entry: tuple[int, int] | None = cached.get(lecture_id)
    if entry is not None and 0 <= now - entry[0] < VIEWERS_STAND:
        return entry[1]
    if entry is not None and now >= entry[0]:
        cached[lecture_id] = now, entry[1]  # requests during this count get the previous number
    try:
        counted = viewers(lecture_id, now)
    except BaseException:
        cached.pop(lecture_id, None)
        raise
    cached[lecture_id] = now, counted
    return counted
