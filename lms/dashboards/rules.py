"""Pure decisions about lectures on dashboards, on loaded objects."""

from __future__ import annotations

from datetime import datetime, timedelta

from lms.attendance import rules as attendance
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import AnyLecture, planned_end
from lms.core import measures

LATE = timedelta(minutes=15)
OVERDUE = timedelta(minutes=30)


def needed_minutes(duration_minutes: int, min_percent: int) -> int:
    """Returns the whole minutes of a planned lecture that must be attended, as shown on pages."""
    return measures.needed_minutes(attendance.needed_ms(duration_minutes * measures.MINUTE_MS, min_percent))


def is_overdue(lecture: AnyLecture, at: datetime) -> bool:
    """Returns whether a live lecture should have ended half an hour ago. Lectures never end automatically."""
    if lecture.state is not LectureState.LIVE or lecture.actual_start is None:
        return False
    ends = lecture.actual_start + timedelta(minutes=lecture.duration_minutes)
    return at > max(planned_end(lecture) or ends, ends) + OVERDUE


def is_late(lecture: AnyLecture, at: datetime) -> bool:
    """Returns whether a scheduled lecture should have started 15 minutes ago."""
    return lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None and at > lecture.starts_at + LATE


def what_is_missing(lecture: Lecture, files: int) -> list[str]:
    """Returns what an upcoming lecture with this number of files still lacks, most important first: time, join_url,
    abstract, materials.
    """
    lacks = []
    if lecture.starts_at is None:
        lacks.append("time")
    if lecture.delivery.value != "room" and not lecture.join_url:
        lacks.append("join_url")
    if not lecture.abstract.strip():
        lacks.append("abstract")
    if not (lecture.materials or files):
        lacks.append("materials")
    return lacks
