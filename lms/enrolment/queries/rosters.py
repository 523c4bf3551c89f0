"""Who belongs to a lecture: for rosters, mail and certificates."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select

from lms.catalogue.models import Lecture, LectureChange
from lms.core.db import db
from lms.enrolment.models import Enrolment, EnrolmentSpan, EnrolmentStatus
from lms.enrolment.queries.rows import Registered, speaking
from lms.people.models import Person


def enrolled_ids(series_id: int) -> set[int]:
    """Who is enrolled in a series now."""
    query = speaking(Person.id).where(Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED)
    return set(db.session.scalars(query))


def enrolled_at_end(lecture: Lecture) -> set[int]:
    """Whose attendance of a held lecture is asked: who was enrolled when it ended.

    For a lecture entered late (its start was entered when it had ended already) also who is enrolled now.
    """
    end = lecture.actual_end
    if end is None:
        return enrolled_ids(lecture.series_id)
    query = select(func.max(LectureChange.at)).where(
        LectureChange.lecture_id == lecture.id, LectureChange.what == "started"
    )
    entered = db.session.scalar(query) or lecture.created_at
    late = enrolled_ids(lecture.series_id) if entered >= end else set()
    return late | _enrolled_on(lecture.series_id, end)


def was_postponed(lecture_id: int) -> bool:
    """Whether a lecture was ever moved, and its enrolled people told so."""
    query = exists().where(LectureChange.lecture_id == lecture_id, LectureChange.what.in_(["postponed", "rescheduled"]))
    return bool(db.session.scalar(select(query)))


def _enrolled_on(series_id: int, moment: datetime) -> set[int]:
    """Who held a place at a moment; rows that a merge set aside count for who they are today."""
    held = and_(
        Enrolment.enrolled_at <= moment,
        or_(Enrolment.withdrawn_at.is_(None), Enrolment.withdrawn_at > moment),
    )
    before = exists().where(
        EnrolmentSpan.enrolment_id == Enrolment.id, EnrolmentSpan.since <= moment, EnrolmentSpan.until > moment
    )
    query = (
        select(Registered.canonical_id)
        .join(Enrolment, Enrolment.person_id == Registered.id)
        .where(Enrolment.series_id == series_id, or_(held, before))
    )
    return {person_id for person_id in db.session.scalars(query) if person_id is not None}
