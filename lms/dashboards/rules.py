"""Pure decisions about lectures on dashboards, on loaded objects."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lms.attendance import rules as attendance
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import AnyLecture, Station, planned_end
from lms.core.time import durations

LATE = timedelta(minutes=15)
OVERDUE = timedelta(minutes=30)
_NO_DATE = datetime.max.replace(tzinfo=UTC).timestamp()


class LecturePart(StrEnum):
    """A part of an instructor's lectures."""

    COMING = "coming"
    DRAFTS = "drafts"
    PAST = "past"


def needed_minutes(duration_minutes: int, min_percent: int) -> int:
    """Returns the whole minutes of a planned lecture that must be attended, as shown on pages."""
    return durations.needed_minutes(attendance.needed_ms(duration_minutes * durations.MINUTE_MS, min_percent))


def is_overdue(lecture: AnyLecture, at: datetime) -> bool:
    """Returns whether a live lecture should have ended half an hour ago. Lectures never end automatically."""
    if lecture.state is not LectureState.LIVE or lecture.actual_start is None:
        return False
    ends = lecture.actual_start + timedelta(minutes=lecture.duration_minutes)
    return at > max(planned_end(lecture) or ends, ends) + OVERDUE


def is_late(lecture: AnyLecture, at: datetime) -> bool:
    """Returns whether a scheduled lecture should have started 15 minutes ago."""
    return lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None and at > lecture.starts_at + LATE


def upcoming_lectures(lectures: Iterable[Station], at: datetime) -> list[Station]:
    """Returns the scheduled lectures that nobody should have started before now, in the order of their time."""
    dated = [
        (lecture.starts_at, lecture.id, lecture)
        for lecture in lectures
        if lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None and not is_late(lecture, at)
    ]
    return [lecture for _start, _id, lecture in sorted(dated, key=lambda entry: entry[:2])]


def part_of(lecture: AnyLecture, at: datetime) -> LecturePart:
    """Returns the part of an instructor's lectures that a lecture is in: one that nobody started in time is past."""
    if lecture.state in (LectureState.DRAFT, LectureState.POSTPONED):
        return LecturePart.DRAFTS
    is_coming = lecture.state is LectureState.LIVE or (
        lecture.state is LectureState.SCHEDULED and not is_late(lecture, at)
    )
    return LecturePart.COMING if is_coming else LecturePart.PAST


def next_first(lecture: AnyLecture, at: datetime) -> tuple[bool, bool, float, int]:
    """Sorts live lectures first, then the next, those without a date to come, and past ones, the latest first."""
    began = lecture.actual_start or lecture.starts_at
    if part_of(lecture, at) is LecturePart.PAST:
        return True, True, -began.timestamp() if began is not None else 0.0, -lecture.id
    is_live = lecture.state is LectureState.LIVE
    start = began.timestamp() if began is not None and (is_live or began > at - LATE) else _NO_DATE
    return False, not is_live, start, lecture.id


def what_is_missing(lecture: Lecture, files: int) -> list[str]:
    """Returns what an upcoming lecture with this number of files still lacks, most important first: time, abstract,
    materials. Without a meeting link, it is given in the room.
    """
    lacks = []
    if lecture.starts_at is None:
        lacks.append("time")
    if not lecture.abstract.strip():
        lacks.append("abstract")
    if not (lecture.materials or files):
        lacks.append("materials")
    return lacks
