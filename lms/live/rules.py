"""Who may be in a room and when."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import ROOM_OPENS, AnyLecture, room_is_open
from lms.core.errors import Forbidden, Refused
from lms.core.i18n import _
from lms.enrolment.models import Enrolment
from lms.enrolment.rules import is_enrolled


class RoomState(StrEnum):
    """The state of the room page (`data-state`)."""

    WAITING = "waiting"
    LIVE = "live"
    OVER = "over"


def room_state(lecture: Lecture) -> RoomState:
    """Returns the state of a room. A cancelled lecture is over; a lecture without a date is waiting."""
    if lecture.state is LectureState.LIVE:
        return RoomState.LIVE
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
        opens = lecture.starts_at - ROOM_OPENS
        raise Refused(
            _("The room opens one hour before the start, at %(moment)s UTC.", moment=f"{opens:%Y-%m-%d %H:%M}")
        )
