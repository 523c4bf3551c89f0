"""Access to a room, whether the remaining time suffices, and what a page reports of a replay that it plays."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lms.attendance.rules import Interval
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import AnyLecture, room_is_open
from lms.core.base.errors import Fault, Forbidden, Invalid, Refused
from lms.core.text.i18n import _
from lms.core.time.durations import MINUTE_MS, short_minutes, whole_minutes
from lms.enrolment.models import Enrolment
from lms.enrolment.rules import is_enrolled
from lms.recordings.replays import Replay


class RoomState(StrEnum):
    """The state of the room page (`data-state`)."""

    WAITING = "waiting"
    LIVE = "live"
    PAUSED = "paused"
    OVER = "over"


_UNCOUNTED_MS = 90_000
"""Time that the next heartbeat can still add, 1.5 beats of a page in low data."""
_LONGEST_OVERRUN_MS = 30 * MINUTE_MS


@dataclass(frozen=True)
class Reach:
    """Whether somebody who stays in a live lecture from now on can still attend it.

    `length_ms` is the planned length, or the time since the start where that is longer. `replay_days`: how long
    after the lecture its replay counts; 0 where it does not. `resumes_at`: when a paused lecture is meant to go on, as
    no minutes are counted until then. `runs_over`: the planned length has passed, so that what is needed grows.
    """

    counted_ms: int
    needed_ms: int
    length_ms: int
    elapsed_ms: int
    at: datetime
    has_report: bool = False
    replay_days: int = 0
    resumes_at: datetime | None = None
    runs_over: bool = False

    @property
    def more(self) -> int:
        """Minutes that are still needed."""
        return short_minutes(self.counted_ms, self.needed_ms)

    @property
    def left(self) -> int:
        """Minutes until the planned end."""
        return whole_minutes(self._left_ms)

    @property
    def kind(self) -> str:
        """The sentence of the page about it: `stay` until a time, `overrun` if it must run longer than planned, `end`
        if the minutes are enough for who stays until a lecture that runs over ends, or `lost`."""
        if self.runs_over and self.counted_ms >= self.needed_ms:
            return "end"
        if self.stay_until is None:
            return "lost"
        return "stay" if self.is_within_plan else "overrun"

    @property
    def is_within_plan(self) -> bool:
        """Whether the time until the planned end suffices."""
        return self._missing_ms <= self._left_ms + _UNCOUNTED_MS

    @property
    def stay_until(self) -> datetime | None:
        """When the lecture will count as attended, to the next whole minute. Null if it would have to run more than
        half an hour over its planned end."""
        stay_ms = self._missing_ms
        if not self.is_within_plan:
            if self.needed_ms >= self.length_ms:
                return None
            overrun_ms = (stay_ms - self._left_ms) * self.length_ms // (self.length_ms - self.needed_ms)
            if self.elapsed_ms + self._left_ms + overrun_ms > self.length_ms + _LONGEST_OVERRUN_MS:
                return None
            stay_ms = self._left_ms + overrun_ms
        counts_from = max(self.at, self.resumes_at or self.at)
        moment = counts_from + timedelta(milliseconds=stay_ms + MINUTE_MS - 1)
        return moment.replace(second=0, microsecond=0)

    @property
    def _missing_ms(self) -> int:
        return self.needed_ms - self.counted_ms

    @property
    def _left_ms(self) -> int:
        return max(self.length_ms - self.elapsed_ms, 0)


def room_state(lecture: Lecture, *, is_paused: bool = False) -> RoomState:
    """Returns the state of a room. A cancelled lecture is over; a lecture without a date is waiting."""
    if lecture.state is LectureState.LIVE:
        return RoomState.PAUSED if is_paused else RoomState.LIVE
    if lecture.state in (LectureState.HELD, LectureState.CANCELLED):
        return RoomState.OVER
    return RoomState.WAITING


def check_can_join(lecture: AnyLecture, enrolment: Enrolment | None, at: datetime) -> None:
    """Raises Forbidden if the person is not enrolled, Refused if the room is not open."""
    if not is_enrolled(enrolment):
        raise Forbidden(_("Only people enrolled in this series can take part."))
    if lecture.state is LectureState.HELD:
        raise Refused(_("This lecture is over."))
    if lecture.state is LectureState.CANCELLED:
        raise Refused(_("This lecture was cancelled."))
    if lecture.state is LectureState.POSTPONED or lecture.starts_at is None:
        raise Refused(_("This lecture is postponed and has no date yet."))
    if not room_is_open(lecture, at):
        raise Refused(_("The room opens one hour before the start."))


def check_can_watch_for_credit(replay: Replay | None, enrolment: Enrolment | None, at: datetime) -> None:
    """Raises Forbidden if the person is not enrolled, Refused if watching the replay does not count."""
    if not is_enrolled(enrolment):
        raise Forbidden(_("Only people enrolled in this series can watch the replay for attendance."))
    if replay is None:
        raise Refused(_("There is no replay of this lecture."))
    if replay.is_too_short:
        raise Refused(replay.short_words)
    if replay.counts_until is None:
        raise Refused(_("Watching the replay of this lecture does not count as attendance."))
    if not replay.counts(at):
        raise Refused(_("Watching the replay of this lecture no longer counts as attendance."))


MAX_PLAYED = 4000
"""Bytes of a report."""
MOST_RANGES = 100
_LATEST_MS = 2**48 - 1
_NAMES = frozenset({"token", "ranges", "is_paused"})


def read_played(content: bytes) -> tuple[str, list[Interval], bool]:
    """The token, the ranges in milliseconds, and whether the page has paused. Raises Invalid."""
    try:
        report = json.loads(content)
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        raise Invalid("report", _("The body is not a JSON object."))
    token, ranges, is_paused = report.get("token"), report.get("ranges"), report.get("is_paused", False)
    faults = [Fault(field=str(name), reason=_("Unknown field.")) for name in report if name not in _NAMES]
    if not isinstance(token, str):
        faults.append(Fault(field="token", reason=_("The token is missing.")))
    if not isinstance(ranges, list) or len(ranges) > MOST_RANGES or not all(_is_range(item) for item in ranges):
        reason = _(
            "Use at most %(n)s pairs of whole numbers: the milliseconds at which playing began and ended.",
            n=MOST_RANGES,
        )
        faults.append(Fault(field="ranges", reason=reason))
    if not isinstance(is_paused, bool):
        faults.append(Fault(field="is_paused", reason=_("Use true or false.")))
    if faults:
        raise Invalid(faults=faults)
    return str(token), [(start, end) for start, end in ranges or ()], bool(is_paused)


def _is_range(item: object) -> bool:
    if not isinstance(item, list) or len(item) != 2:
        return False
    start, end = item
    return type(start) is int and type(end) is int and 0 <= start < end <= _LATEST_MS
