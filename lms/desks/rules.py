"""What a desk says of lectures and of somebody's way through a series: pure decisions on loaded objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lms.attendance import rules as attendance
from lms.attendance.models import Outcome
from lms.attendance.queries import PersonAttendance
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.rules import AnyLecture, planned_end
from lms.certificates.rules import TO_COME, Missing, earning, measured
from lms.core import measures

ROOM_OPENS = timedelta(hours=1)
LATE = timedelta(minutes=15)
OVERDUE = timedelta(minutes=30)


@dataclass(frozen=True)
class Standing:
    """How far somebody is on the way to a certificate: lectures attended, needed, all that count, still to come.

    `minutes` counted so far (whole ones), and what those to come would add at most; `needed_minutes` 0: none asked.
    """

    attended: int
    needed: int
    lectures: int
    to_come: int
    minutes: int = 0
    needed_minutes: int = 0
    minutes_to_come: int = 0

    @property
    def is_reached(self) -> bool:
        """Whether enough was attended."""
        return self.attended >= self.needed and self.minutes >= self.needed_minutes

    @property
    def can_be_reached(self) -> bool:
        """Whether what is still to come would be enough."""
        return (
            self.attended + self.to_come >= self.needed and self.minutes + self.minutes_to_come >= self.needed_minutes
        )

    @property
    def lacks(self) -> Missing:
        """What is missing still."""
        return Missing(max(0, self.needed - self.attended), max(0, self.needed_minutes - self.minutes))


def standing(
    lectures: Sequence[AnyLecture], attendance: Iterable[PersonAttendance], policy: Policy, zone: str
) -> Standing | None:
    """Where somebody with this attendance stands; null where the series gives no certificate."""
    counted = measured(lectures, policy.deadline, zone)
    if policy.certificate is None or not counted:
        return None
    asked = earning(counted, policy)
    ids = {one.id for one in counted}
    own = [one for one in attendance if one.lecture_id in ids]
    to_come = [one for one in counted if one.state in TO_COME]
    return Standing(
        attended=sum(one.outcome is Outcome.ATTENDED for one in own),
        needed=asked.needed,
        lectures=asked.lectures,
        to_come=len(to_come),
        minutes=sum(one.present_ms for one in own if one.is_counted) // measures.MINUTE_MS,
        needed_minutes=asked.minutes,
        minutes_to_come=sum(one.duration_minutes for one in to_come),
    )


def needed_minutes(duration_minutes: int, min_percent: int) -> int:
    """The whole minutes of a planned lecture that must be attended, as they are shown."""
    return measures.needed_minutes(attendance.needed_ms(duration_minutes * measures.MINUTE_MS, min_percent))


def room_is_open(lecture: AnyLecture, at: datetime) -> bool:
    """Whether the room lets people in: an hour before the planned start, and while the lecture is live."""
    if lecture.state is LectureState.LIVE:
        return True
    return (
        lecture.state is LectureState.SCHEDULED
        and lecture.starts_at is not None
        and at >= lecture.starts_at - ROOM_OPENS
    )


def is_overdue(lecture: Lecture, at: datetime) -> bool:
    """Whether a live lecture should have ended half an hour ago: nobody ended it. Never ended by itself."""
    if lecture.state is not LectureState.LIVE or lecture.actual_start is None:
        return False
    ends = lecture.actual_start + timedelta(minutes=lecture.duration_minutes)
    return at > max(planned_end(lecture) or ends, ends) + OVERDUE


def is_late(lecture: AnyLecture, at: datetime) -> bool:
    """Whether a scheduled lecture should have begun a quarter of an hour ago: nobody started it."""
    return lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None and at > lecture.starts_at + LATE


def what_is_missing(lecture: Lecture) -> list[str]:
    """What a lecture to come still lacks, in order of weight: time, join_url, abstract, materials."""
    lacks = []
    if lecture.starts_at is None:
        lacks.append("time")
    if lecture.delivery.value != "room" and not lecture.join_url:
        lacks.append("join_url")
    if not lecture.abstract.strip():
        lacks.append("abstract")
    if not lecture.materials:
        lacks.append("materials")
    return lacks
