"""Invitations to lectures for the calendars of the enrolled: when they go out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select

from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.core.db import action, db, read_column, read_value
from lms.enrolment import seats
from lms.enrolment.membership import enrolled_ids
from lms.enrolment.notices import INVITES_AHEAD, invite


def invite_due(*, at: datetime) -> int:
    """Invites the enrolled to each lecture that is near and that they are not invited to yet; returns to how many.

    For the worker. Repeated, or by several workers at once, it changes nothing.
    """
    due = list(read_column(_due(at).order_by(Lecture.starts_at, Lecture.id)))
    db.session.rollback()
    return sum(_invite_if_due(lecture_id, at=at) for lecture_id in due)


def _due(at: datetime) -> Select[int]:
    """The query of lectures that are near and that nobody was invited to yet."""
    return (
        select(Lecture.id)
        .join(Series)
        .where(
            Lecture.state == LectureState.SCHEDULED,
            Lecture.starts_at > at,
            Lecture.starts_at <= at + INVITES_AHEAD,
            Lecture.invited_at.is_(None),
            Series.visibility == Visibility.PUBLIC,
        )
    )


@action
def _invite_if_due(lecture_id: int, *, at: datetime) -> bool:
    """Locks the series first, as enrolling does, so that nobody who enrols at the same time is left out."""
    seats.lock(db.session.get_one(Lecture, lecture_id).series_id, at=at)
    lecture = locked_lecture(lecture_id)
    if read_value(_due(at).where(Lecture.id == lecture_id)) is None:
        return False
    invite(lecture, enrolled_ids(lecture.series_id), at=at)
    return True
