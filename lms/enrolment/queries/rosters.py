"""Who belongs to a lecture: for rosters, mail and certificates."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, Select, and_, bindparam, exists, func, literal, or_, select

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
    query = _expected(
        lecture.series_id,
        None if lecture.actual_end is None else literal(lecture.actual_end, UtcDateTime),
        lecture.id,
        literal(lecture.created_at, UtcDateTime),
        or_now=or_now,
    )
    return query if people is None else query.where(among(Registered.canonical_id, people))


@lru_cache(maxsize=8)
def expected_in(*, has_ended: bool, or_now: bool = False, of_some: bool = False) -> Select[int | None]:
    """As `expected_at`, made once for every lecture: asked with `about(lecture)`, and for some only with `people`."""
    end = bindparam("end", type_=UtcDateTime) if has_ended else None
    series, lecture = bindparam("series_id", type_=Integer), bindparam("lecture_id", type_=Integer)
    query = _expected(series, end, lecture, bindparam("created_at", type_=UtcDateTime), or_now=or_now)
    return query.where(Registered.canonical_id.in_(bindparam("people", expanding=True))) if of_some else query


def about(lecture: Lecture) -> dict[str, Any]:
    """What `expected_in` is asked with."""
    return {
        "series_id": lecture.series_id,
        "end": lecture.actual_end,
        "lecture_id": lecture.id,
        "created_at": lecture.created_at,
    }


def _expected(series_id: Any, end: Any, lecture_id: Any, created_at: Any, *, or_now: bool) -> Select[int | None]:
    query = (
        select(Registered.canonical_id)
        .join(Enrolment, Enrolment.person_id == Registered.id)
        .where(Enrolment.series_id == series_id)
    )
    if end is None:
        return query.where(_NOW)
    held = and_(Enrolment.enrolled_at <= end, or_(Enrolment.withdrawn_at.is_(None), Enrolment.withdrawn_at > end))
    before = exists().where(
        EnrolmentSpan.enrolment_id == Enrolment.id, EnrolmentSpan.since <= end, EnrolmentSpan.until > end
    )
    if or_now:
        return query.where(or_(held, before, _NOW))
    started = select(func.max(LectureChange.at)).where(
        LectureChange.lecture_id == lecture_id, LectureChange.what == "started"
    )
    entered = func.coalesce(started.scalar_subquery(), created_at)
    return query.where(or_(held, before, and_(entered >= end, _NOW)))


def enrolled_at_end(lecture: Lecture) -> set[int]:
    """Whose attendance of a lecture is asked, as `expected_at` says."""
    return {person_id for person_id in db.session.scalars(expected_at(lecture)) if person_id is not None}


def was_postponed(lecture_id: int) -> bool:
    """Whether a lecture was ever moved, and its enrolled people told so."""
    query = exists().where(LectureChange.lecture_id == lecture_id, LectureChange.what.in_(["postponed", "rescheduled"]))
    return bool(db.session.scalar(select(query)))
