"""How many people are in a room, counted once for all who look: in each process, or with Valkey in all of them."""

from datetime import datetime
from typing import Any

from lms.attendance.presence import viewers
from lms.core.base.valkey import use_shared
from lms.core.database.cache_versions import memory
from lms.core.time import clock

VIEWERS_STAND = 5_000
"""How long a viewer count is cached, in milliseconds."""
_TURN_MS = 2_000
"""How long the other processes leave a count to the one that began it."""
_ASK_AGAIN_MS = 500


def count_viewers(lecture_id: int, at: datetime) -> int:
    """How many people are in the room: counted at most every `VIEWERS_STAND`, shared by all who look.

    Thousands of pages ask every few seconds, and each count looks through the beats of them all.
    """
    cached, now = memory("viewers"), clock.to_ms(at)
    entry: tuple[int, int] | None = cached.get(lecture_id)
    if entry is not None and 0 <= now - entry[0] < VIEWERS_STAND:
        return entry[1]
    if entry is not None and now >= entry[0]:
        cached[lecture_id] = now, entry[1]  # requests during this count get the previous number
    try:
        entry = _shared_count(lecture_id, now, previous=entry) or _count(lecture_id, now)
    except BaseException:
        cached.pop(lecture_id, None)
        raise
    cached[lecture_id] = entry
    return entry[1]


def _count(lecture_id: int, now: int) -> tuple[int, int]:
    """When somebody counted, in milliseconds, and how many there were: now."""
    counted = now, viewers(lecture_id, now)
    entry = f"{counted[0]}:{counted[1]}"
    use_shared(lambda client, prefix: client.set(_name(prefix, lecture_id), entry, px=VIEWERS_STAND))
    return counted


def _shared_count(lecture_id: int, now: int, *, previous: tuple[int, int] | None) -> tuple[int, int] | None:
    """Returns what another process counted lately, or the previous number while one counts; None if it is this one's
    turn."""

    def read(client: Any, prefix: str) -> tuple[tuple[int, int] | None, bool]:
        name = _name(prefix, lecture_id)
        value: bytes | None = client.get(name)
        if value is None:
            return None, bool(client.set(f"{name}:turn", 1, nx=True, px=_TURN_MS))
        at_ms, _colon, number = value.partition(b":")
        is_recent = at_ms.isdigit() and number.isdigit() and 0 <= now - int(at_ms) < VIEWERS_STAND
        return (int(at_ms), int(number)) if is_recent else None, not is_recent

    shared, is_turn = use_shared(read) or (None, True)
    if shared is not None:
        return shared
    if is_turn or previous is None:
        return None
    return now - VIEWERS_STAND + _ASK_AGAIN_MS, previous[1]


def _name(prefix: str, lecture_id: int) -> str:
    return f"{prefix}viewers:{lecture_id}"
