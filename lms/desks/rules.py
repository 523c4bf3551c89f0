"""What a desk says of lectures and of somebody's way through a series: pure decisions on loaded objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.rules import AnyLecture, planned_end

ROOM_OPENS = timedelta(hours=1)
LATE = timedelta(minutes=15)
OVERDUE = timedelta(minutes=30)
_MEASURED = (LectureState.HELD, LectureState.LIVE, LectureState.SCHEDULED, LectureState.POSTPONED)
_TO_COME = (LectureState.LIVE, LectureState.SCHEDULED, LectureState.POSTPONED)


@dataclass(frozen=True)
class Standing:
    """How far somebody is on the way to a certificate: lectures attended, needed, all that count, still to come."""

    attended: int
    needed: int
    lectures: int
    to_come: int

    @property
    def is_reached(self) -> bool:
        """Whether enough was attended."""
        return self.attended >= self.needed

    @property
    def can_be_reached(self) -> bool:
        """Whether what is still to come would be enough."""
        return self.attended + self.to_come >= self.needed


def standing(lectures: Sequence[AnyLecture], attended: Iterable[int], policy: Policy) -> Standing | None:
    """Where somebody who attended these lectures (ids) stands; null where the series gives no certificate."""
    measured = {one.id for one in lectures if one.state in _MEASURED}
    if policy.certificate is None or not measured:
        return None
    return Standing(
        attended=len(measured.intersection(attended)),
        needed=max(1, -(-len(measured) * policy.min_lectures_percent // 100)),
        lectures=len(measured),
        to_come=sum(one.state in _TO_COME for one in lectures),
    )


def needed_minutes(duration_minutes: int, min_percent: int) -> int:
    """The minutes of a lecture that must be attended, a started one rounded up."""
    return -(-duration_minutes * min_percent // 100)


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
