"""Membership: who was expected at a lecture, and whose attendance of it counts. This is the only definition of both.

Rosters, a person's page, credits and groups join these queries. Ids of people are canonical, as input and output.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    case,
    except_,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from lms.catalogue.models import Lecture, LectureChange
from lms.core.database.bulk import among
from lms.core.database.session import UtcDateTime, db, read, read_column
from lms.enrolment.models import Enrolment, EnrolmentSpan, EnrolmentStatus
from lms.enrolment.queries.rows import PERSON_ROW, SPEAKS, Registered, is_of, speaking
from lms.people.models import Person

FEW = 500
"""Up to this many people are looked up one at a time."""

IS_ENROLLED = and_(Enrolment.status == EnrolmentStatus.ENROLLED, SPEAKS)
"""Whether an `Enrolment` has a place now. A row that a merge superseded has none."""


def _had_place() -> ColumnElement[bool]:
    """Whether an `Enrolment` had a place when the `Lecture` ended, even if its person has left or returned since."""
    end = Lecture.actual_end
    latest = and_(Enrolment.enrolled_at <= end, or_(Enrolment.withdrawn_at.is_(None), Enrolment.withdrawn_at > end))
    earlier = (
        exists()
        .where(EnrolmentSpan.enrolment_id == Enrolment.id, EnrolmentSpan.since <= end, EnrolmentSpan.until > end)
        .correlate(Enrolment, Lecture)
    )
    return or_(latest, earlier)


def _entered_at() -> ColumnElement[Any]:
    """When the start of the `Lecture` was entered last."""
    started = (
        select(func.max(LectureChange.at))
        .where(LectureChange.lecture_id == Lecture.id, LectureChange.what == "started")
        .correlate(Lecture)
    )
    return func.coalesce(started.scalar_subquery(), Lecture.created_at)


def _entered_afterwards() -> ColumnElement[bool]:
    """Whether the start of the `Lecture` was entered when it was over already."""
    return _entered_at() >= Lecture.actual_end


IS_EXPECTED = or_(_had_place(), and_(IS_ENROLLED, or_(Lecture.actual_end.is_(None), _entered_afterwards())))
"""Whether the person of an `Enrolment` is expected at a `Lecture` of its series: had a place when it ended, or has one
now where it has not ended or was entered afterwards."""

IS_ELIGIBLE = or_(_had_place(), IS_ENROLLED)
"""Whether attendance of a `Lecture` counts for the person of an `Enrolment` in its series: had a place when it ended,
or has one now."""

IS_UNANSWERED = Enrolment.profile_shared_at.is_(None)
"""Whether the person of an `Enrolment` has not accepted yet the place that staff of the series gave them."""

_IS_INVITED = and_(IS_EXPECTED, IS_UNANSWERED)

IS_TAKEN_UP = and_(IS_EXPECTED, not_(IS_UNANSWERED))
"""Whether the person of an `Enrolment` is expected at a `Lecture` and has accepted the place, or asked for it."""


def _of_lecture(lecture_id: Any, condition: ColumnElement[bool]) -> Select[int | None]:
    return (
        select(Registered.canonical_id)
        .select_from(Lecture)
        .join(Enrolment, Enrolment.series_id == Lecture.series_id)
        .join(Registered, Registered.id == Enrolment.person_id)
        .where(Lecture.id == lecture_id, condition)
    )


def expected_at(lecture_id: Any, people: Any = None) -> Select[int | None]:
    """The query of who is expected at a lecture (its id, or a parameter for one); of some `people`, where given (ids,
    or an expanding parameter for them)."""
    query = _of_lecture(lecture_id, IS_EXPECTED)
    return query if people is None else query.where(is_of(PERSON_ROW.canonical_id.in_(people)))


def expected_until(ends: Mapping[int, datetime], *columns: Any) -> Select[Any]:
    """The query of who could be asked about which of these held lectures: is expected at it, and had a place by its
    moment in `ends` (by lecture), when it had been entered too. The columns are of `Lecture` and `Registered`."""
    end = case({id_: literal(moment, UtcDateTime()) for id_, moment in ends.items()}, value=Lecture.id)
    in_time = or_(_had_place(), and_(IS_EXPECTED, Enrolment.enrolled_at <= end))
    return (
        select(*columns)
        .select_from(Lecture)
        .join(Enrolment, Enrolment.series_id == Lecture.series_id)
        .join(Registered, Registered.id == Enrolment.person_id)
        .where(Lecture.id.in_(ends), in_time, _entered_at() <= end)
    )


def invited_at(lecture_id: Any, *seen: Select[Any], people: Any = None) -> CompoundSelect[Any]:
    """The query of who is expected at a lecture but only invited, and in none of the queries `seen`: has not accepted
    the place yet. Somebody who is invited and never came is not absent (ADR 95). `people` as for `expected_at`."""
    unanswered, taken_up = (_of_lecture(lecture_id, condition) for condition in (_IS_INVITED, IS_TAKEN_UP))
    if people is not None:
        unanswered = unanswered.where(is_of(PERSON_ROW.canonical_id.in_(people)))
        taken_up = taken_up.where(is_of(PERSON_ROW.canonical_id.in_(people)))
    return except_(unanswered, taken_up, *seen)


def eligible_at(lecture_id: Any, people: Any = None) -> Select[int | None]:
    """The query of whose attendance of a lecture counts; of some `people`, where given, as `expected_at`."""
    query = _of_lecture(lecture_id, IS_ELIGIBLE)
    return query if people is None else query.where(is_of(PERSON_ROW.canonical_id.in_(people)))


def eligible_people(lecture_id: int, people: Collection[int] | None = None) -> set[int]:
    """Returns whose attendance of a lecture counts; of some `people`, where given."""
    if people is not None and len(people) > FEW:
        query = eligible_at(lecture_id).where(is_of(among(PERSON_ROW.canonical_id, people)))
    else:
        query = eligible_at(lecture_id, None if people is None else list(people))
    return {person_id for person_id in read_column(query) if person_id is not None}


def series_of(person_id: Any) -> Select[int]:
    """The query of the series in which a person (an id, or a parameter for one) has or had a place or asked for one."""
    return _memberships(Enrolment.series_id, person_id)


def holds_for(person_id: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether `IS_EXPECTED` or `IS_ELIGIBLE` holds for a person (an id, or a parameter for one) at the `Lecture` of the
    surrounding query."""
    query = _memberships(Enrolment.id, person_id).where(Enrolment.series_id == Lecture.series_id, condition)
    return query.correlate(Lecture).exists()


def _memberships(column: Any, person_id: Any) -> Select[Any]:
    return select(column).where(is_of(PERSON_ROW.canonical_id == person_id))


def enrolled_ids(series_id: int) -> set[int]:
    """The people enrolled in a series now."""
    query = speaking(Person.id).where(Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED)
    return set(db.session.scalars(query))


def enrolled_among(person_ids: Collection[int], series_ids: Collection[int]) -> set[tuple[int, int]]:
    """(person, series) of those of these people who are enrolled in these series now, also under another record."""
    member = aliased(Person)
    query = (
        speaking(member.id, Enrolment.series_id)
        .join(member, member.canonical_id == Person.id)
        .where(
            Enrolment.status == EnrolmentStatus.ENROLLED,
            Enrolment.series_id.in_(series_ids),
            among(member.id, person_ids),
        )
    )
    return {(person_id, series_id) for person_id, series_id in read(query)}
