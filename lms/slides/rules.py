"""Limits of slides, which page is shown at a moment, and where turns are in a replay."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lms.catalogue.models import LectureState
from lms.catalogue.rules import AnyLecture, room_is_open
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _
from lms.core.time.durations import MINUTE_MS
from lms.streaming.queries import ReplayPart

MOST_PAGES: Final = 300
"""Pages of one file."""
MOST_DECKS: Final = 10
"""Files of one lecture that are shown in it."""
MOST_TURNS: Final = 5_000
"""Turns of one lecture."""
RECENT_MS: Final = 5 * MINUTE_MS
"""The snapshot of a room has the turns of this time, for people whose picture and sound are late."""
MOST_RECENT: Final = 60
LATE_MS: Final = 10 * MINUTE_MS
"""A turn that could not be sent at once may be this late."""


class Turn(NamedTuple):
    """A page from a moment on, in milliseconds: UTC, or of the replay. `version`: that of its deck."""

    at_ms: int
    version: str
    page: int


def turn_at(turns: Sequence[Turn], at_ms: int) -> Turn | None:
    """The turn whose page is shown at a moment; null before the first. `turns` are in order."""
    return next((turn for turn in reversed(turns) if turn.at_ms <= at_ms), None)


def recent_turns(turns: Iterable[Turn], now_ms: int) -> list[Turn]:
    """Of turns in order: those of the last minutes, and the one before them."""
    listed = list(turns)[-MOST_RECENT:]
    first = turn_at(listed, now_ms - RECENT_MS)
    return listed[listed.index(first) :] if first is not None else listed


def replay_turns(turns: Sequence[Turn], parts: Sequence[ReplayPart]) -> list[Turn]:
    """Turns on the time of a replay. Each part begins with the page that was shown then; what was turned in a gap takes
    effect where the replay goes on."""
    placed: list[Turn] = []
    for part in parts:
        begins = turn_at(turns, part.wall_ms)
        within = [turn for turn in turns if part.wall_ms < turn.at_ms < part.wall_ms + part.length_ms]
        for turn in [begins, *within]:
            if turn is None or (placed and placed[-1][1:] == turn[1:]):
                continue
            placed.append(turn._replace(at_ms=part.position_ms + max(turn.at_ms - part.wall_ms, 0)))
    return placed


def check_can_turn(lecture: AnyLecture, at: datetime) -> None:
    """Raises Refused unless the room of the lecture is open."""
    if lecture.state in (LectureState.HELD, LectureState.CANCELLED):
        raise Refused(_("This lecture is over."))
    if not room_is_open(lecture, at):
        raise Refused(_("The room opens one hour before the start."))


def checked_page(page: int | None, page_count: int) -> int:
    """A page of a deck, or 0 for no slide. Raises Invalid (`page`)."""
    if page is None or not 0 <= page <= page_count:
        raise Invalid("page", _("Use a number from 0 to %(last)s.", last=page_count))
    return page


def checked_delay(late_ms: int | None) -> int:
    """How long ago a page was turned. Raises Invalid (`late_ms`)."""
    if late_ms is None or not 0 <= late_ms <= LATE_MS:
        raise Invalid("late_ms", _("Use a number from 0 to %(last)s.", last=LATE_MS))
    return late_ms
