"""What somebody gives: lectures with how many are enrolled and how many attended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from lms.attendance.models import Credit, Outcome
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries import list_taught, list_taught_series
from lms.core.db import db
from lms.core.errors import Forbidden
from lms.core.roles import Actor


@dataclass(frozen=True)
class TaughtLecture:
    """A lecture on an instructor's desk. `attended` is null for one that was not held."""

    lecture: Lecture
    enrolled: int
    attended: int | None

    def is_given_by(self, by: Actor) -> bool:
        """Whether the actor speaks in it; where nobody is named, all of the series do."""
        speakers = self.lecture.instructors
        return not speakers or any(person.id == by.person_id for person in speakers)


def list_given(person_id: int, *, by: Actor) -> tuple[list[TaughtLecture], list[Series]]:
    """What somebody gives: lectures of all the own series, latest first, and those series."""
    return _counted(list_taught(person_id, by=by)), list_taught_series(person_id, by=by)


def list_desk_lectures(*, by: Actor, at: datetime, limit: int = 20) -> list[TaughtLecture]:
    """For administrators: what is live or was to begin until a day from now, whoever gives it, earliest first."""
    if not by.is_administrator:
        raise Forbidden
    query = (
        select(Lecture)
        .where(
            (Lecture.state == LectureState.LIVE)
            | ((Lecture.state == LectureState.SCHEDULED) & (Lecture.starts_at < at + timedelta(days=1)))
        )
        .options(selectinload(Lecture.series).selectinload(Series.instructors), selectinload(Lecture.instructors))
        .order_by(Lecture.starts_at, Lecture.id)
        .limit(limit)
    )
    return _counted(list(db.session.scalars(query)))


def _counted(lectures: list[Lecture]) -> list[TaughtLecture]:
    held = [one.id for one in lectures if one.state is LectureState.HELD]
    attended = _attended(held)
    return [
        TaughtLecture(one, one.series.taken, attended.get(one.id, 0) if one.state is LectureState.HELD else None)
        for one in lectures
    ]


def _attended(lecture_ids: list[int]) -> dict[int, int]:
    """How many people attended each of these lectures; merged people have one credit."""
    if not lecture_ids:
        return {}
    query = (
        select(Credit.lecture_id, func.count())
        .where(Credit.lecture_id.in_(lecture_ids), Credit.outcome == Outcome.ATTENDED)
        .group_by(Credit.lecture_id)
    )
    return dict(db.session.execute(query).all())
