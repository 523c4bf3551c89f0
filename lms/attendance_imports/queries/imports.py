"""Files of attendance that wait to be imported, and the time a report must have in common with a lecture."""

from sqlalchemy import select

from lms.attendance.models.evidence import AttendanceImport
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.core.time import clock, durations


def window_of(lecture: Lecture) -> tuple[int, int]:
    """The span (milliseconds UTC) with which evidence must overlap: actual, or some hours around the plan.

    Refused for a draft, a cancelled and a postponed lecture: nobody can have been there.
    """
    if lecture.state in (LectureState.DRAFT, LectureState.CANCELLED, LectureState.POSTPONED):
        raise Refused(_("This lecture did not take place, so it has no attendance."))
    if lecture.actual_start is not None:
        start = clock.to_ms(lecture.actual_start)
        end = clock.to_ms(lecture.actual_end) if lecture.actual_end is not None else start + 24 * durations.HOUR_MS
        return start, end
    if lecture.starts_at is None:
        raise Refused(_("This lecture has no date yet."))
    planned = clock.to_ms(lecture.starts_at)
    return (
        planned - 3 * durations.HOUR_MS,
        planned + lecture.duration_minutes * durations.MINUTE_MS + 3 * durations.HOUR_MS,
    )


def kept_row(public_id: str, *, by: Actor) -> AttendanceImport:
    """An uploaded file waiting to be imported, for people who can edit the lecture. Raises NotFound otherwise and once
    it is gone.
    """
    row = db.session.scalar(
        select(AttendanceImport).where(AttendanceImport.public_id == public_id, AttendanceImport.published_at.is_(None))
    )
    if row is None:
        raise NotFound
    check_can_edit_lecture(get_lecture(row.lecture_id, by=by), by)
    return row


def content_of(row: AttendanceImport) -> bytes:
    """Returns what is in an uploaded file. Raises NotFound once it is gone."""
    content = files.find(row.file_key or "")
    if content is None:
        raise NotFound
    return content


def keys_of(file_key: str) -> tuple[str, str]:
    """The keys of an uploaded file and of what was read from it."""
    return file_key, f"{file_key}.json"


def waiting_keys() -> set[str]:
    """The keys of all uploaded files that wait to be imported, and of what was read from them."""
    rows = db.session.scalars(select(AttendanceImport.file_key).where(AttendanceImport.file_key.is_not(None)))
    return {key for file_key in rows if file_key for key in keys_of(file_key)}
