"""What people enrolled in a series have attended of it, and how far they are with its certificate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Subquery, case, func, select

from lms.attendance.models.credits import Credit, Outcome
from lms.catalogue.queries.policies import current_policy
from lms.certificates import eligibility
from lms.certificates.queries import certificates
from lms.core.db import read
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import speaking
from lms.people.models import Person


def candidates(series_id: int, *columns: Any) -> Select[Any]:
    """People currently enrolled in a series and not deleted: those who can get a certificate."""
    return speaking(*columns).where(
        Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED, Person.erased_at.is_(None)
    )


def counted_by_person(lecture_ids: Sequence[int]) -> Subquery:
    """`person_id, attended, present_ms` over these lectures; merged people have one credit a lecture."""
    return (
        select(
            Credit.person_id,
            func.sum(case((Credit.outcome == Outcome.ATTENDED, 1), else_=0)).label("attended"),
            func.sum(Credit.present_ms).label("present_ms"),
        )
        .where(Credit.lecture_id.in_(lecture_ids))
        .group_by(Credit.person_id)
        .subquery()
    )


def standings_of(series_id: int, person_ids: Iterable[int], *, at: datetime) -> dict[int, eligibility.Standing]:
    """The progress of people enrolled in a series, in as many statements for many people as for one; of nobody where
    the series issues no certificates."""
    lectures = certificates.counted_lectures(series_id, at=at)
    start = eligibility.beginning(lectures, current_policy(series_id), at=at, is_in=True)
    if start is None:
        return {}
    attendance = counted_by_person([lecture.id for lecture in lectures])
    counted = {person_id: (attended, present_ms) for person_id, attended, present_ms in read(select(attendance))}
    results = {}
    for person_id in person_ids:
        attended, present_ms = counted.get(person_id, (0, 0))
        results[person_id] = replace(start, attended=int(attended), present_ms=int(present_ms))
    return results
