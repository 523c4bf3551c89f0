"""Who belongs to a lecture: for rosters, mail and certificates."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Select, and_, exists, func, literal, or_, select

from lms.catalogue.models import Lecture, LectureChange
from lms.core.bulk import among
from lms.core.db import UtcDateTime, db
from lms.enrolment.models import Enrolment, EnrolmentSpan, EnrolmentStatus
from lms.enrolment.queries.rows import SPEAKS, Registered, speaking
from lms.people.models import Person

_NOW = and_(Enrolment.status == EnrolmentStatus.ENROLLED, SPEAKS)


def enrolled_ids(series_id: int) -> set[int]:
    """Who is enrolled in a series now."""
    query = speaking(Person.id).where(Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED)
    return set(db.session.scalars(query))


def expected_at(lecture: Lecture, *, or_now: bool = False, people: Collection[int] | None = None) -> Select[int | None]:
    """The query of whose attendance of a lecture is asked: who was enrolled when it ended, now where it has not.

    For a lecture entered late (its start was entered when it had ended already) also who is enrolled now, and with
    `or_now` for any. Rows that a merge set aside count for who they are today. Of some `people` only, where given.
    """
    end = lecture.actual_end
    query = (
        select(Registered.canonical_id)
        .join(Enrolment, Enrolment.person_id == Registered.id)
        .where(Enrolment.series_id == lecture.series_id)
    )
    if people is not None:
        query = query.where(among(Registered.canonical_id, people))
    if end is None:
        return query.where(_NOW)
    held = and_(Enrolment.enrolled_at <= end, or_(Enrolment.withdrawn_at.is_(None), Enrolment.withdrawn_at > end))
    before = exists().where(
        EnrolmentSpan.enrolment_id == Enrolment.id, EnrolmentSpan.since <= end, EnrolmentSpan.until > end
    )
    if or_now:
        return query.where(or_(held, before, _NOW))
    started = select(func.max(LectureChange.at)).where(
        LectureChange.lecture_id == lecture.id, LectureChange.what == "started"
    )
    entered = func.coalesce(started.scalar_subquery(), literal(lecture.created_at, UtcDateTime))
    return query.where(or_(held, before, and_(entered >= end, _NOW)))


def enrolled_at_end(lecture: Lecture) -> set[int]:
    """Whose attendance of a lecture is asked, as `expected_at` says."""
    return {person_id for person_id in db.session.scalars(expected_at(lecture)) if person_id is not None}


def was_postponed(lecture_id: int) -> bool:
    """Whether a lecture was ever moved, and its enrolled people told so."""
    query = exists().where(LectureChange.lecture_id == lecture_id, LectureChange.what.in_(["postponed", "rescheduled"]))
    return bool(db.session.scalar(select(query)))
