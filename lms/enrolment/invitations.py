"""Invitations to lectures for the calendars of the enrolled: when they go out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select

from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.core.db import UtcDateTime, action, db, read_column, read_value
from lms.enrolment import seats
from lms.enrolment.membership import enrolled_ids
from lms.enrolment.notices import INVITES_AHEAD, invite


def invite_due(*, at: datetime) -> int:
    """Invites the enrolled to each lecture that is near and that they are not invited to yet; returns to how many.

    For the worker. Repeated, or by several workers at once, it changes nothing.
    """
    due = list(read_column(_DUE.order_by(Lecture.starts_at, Lecture.id), _times(at)))
    db.session.rollback()
    return sum(_invite_if_due(lecture_id, at=at) for lecture_id in due)


_DUE = (
    select(Lecture.id)
    .join(Series)
    .where(
        Lecture.state == LectureState.SCHEDULED,
        Lecture.starts_at > bindparam("now", type_=UtcDateTime),
        Lecture.starts_at <= bindparam("ahead", type_=UtcDateTime),
        Lecture.invited_at.is_(None),
        Series.visibility == Visibility.PUBLIC,
    )
)


def _times(at: datetime) -> dict[str, datetime]:
    return {"now": at, "ahead": at + INVITES_AHEAD}


@action
def _invite_if_due(lecture_id: int, *, at: datetime) -> bool:
    """Locks the series first, as enrolling does, so that nobody who enrols at the same time is left out."""
    seats.lock(db.session.get_one(Lecture, lecture_id).series_id, at=at)
    lecture = locked_lecture(lecture_id)
    if read_value(_DUE.where(Lecture.id == lecture_id), _times(at)) is None:
        return False
    invite(lecture, enrolled_ids(lecture.series_id), at=at)
    return True
