"""Invitations to lectures for the calendars of the enrolled: when they go out."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, select

from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LectureChange, LectureState, Series, Visibility
from lms.core.base.events import GrowthAsked, publish
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db, read_column, read_value
from lms.enrolment import seats
from lms.enrolment.membership import enrolled_ids
from lms.enrolment.notices import INVITES_AHEAD, invite
from lms.mail.decisions import TIME_TO_STOP


def invite_due(*, at: datetime) -> int:
    """Invites the enrolled to each lecture that is near and that they are not invited to yet; returns to how many.

    For the worker. Repeated, or by several workers at once, it changes nothing.
    """
    near = _waiting(at).where(Lecture.starts_at <= at + INVITES_AHEAD, ~_was_just_published(at))
    due = list(read_column(near.order_by(Lecture.starts_at, Lecture.id)))
    db.session.rollback()
    return sum(invite_to(lecture_id, at=at) for lecture_id in due)


def _waiting(at: datetime) -> Select[int]:
    """The query of public lectures to come that nobody was invited to yet."""
    return (
        select(Lecture.id)
        .join(Series)
        .where(
            Lecture.state == LectureState.SCHEDULED,
            Lecture.starts_at > at,
            Lecture.invited_at.is_(None),
            Series.visibility == Visibility.PUBLIC,
        )
    )


def _was_just_published(at: datetime) -> ColumnElement[bool]:
    """Whether a lecture was published so lately that its e-mails can still be stopped."""
    return exists().where(
        LectureChange.lecture_id == Lecture.id,
        LectureChange.what == "published",
        LectureChange.at > at - TIME_TO_STOP,
    )


@action
def invite_to(lecture_id: int, *, at: datetime) -> bool:
    """Invites the enrolled to a public lecture to come that they are not invited to yet; returns whether it did.

    The same e-mail says that the certificate requires more, where it does. Locks the series first, as enrolling does,
    so that nobody who enrols at the same time is left out.
    """
    seats.lock(db.session.get_one(Lecture, lecture_id).series_id, at=at)
    lecture = locked_lecture(lecture_id)
    if read_value(_waiting(at).where(Lecture.id == lecture_id)) is None:
        return False
    question = GrowthAsked(series_id=lecture.series_id, by=SYSTEM, at=at)
    publish(question)
    invite(lecture, enrolled_ids(lecture.series_id), by_person=question.growth, at=at)
    return True
