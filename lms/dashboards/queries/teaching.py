"""An instructor's lectures, with the numbers of people enrolled and attended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries import list_taught, list_taught_series
from lms.core.db import db
from lms.core.errors import Forbidden
from lms.core.roles import Actor
from lms.reports.queries.attended import count_attended


@dataclass(frozen=True)
class TaughtLecture:
    """A lecture on an instructor's dashboard. `attended` is null unless it was held."""

    lecture: Lecture
    enrolled: int
    attended: int | None

    def is_given_by(self, by: Actor) -> bool:
        """Returns whether the actor gives the lecture. Without named lecturers, all instructors of the series do."""
        speakers = self.lecture.instructors
        return not speakers or any(person.id == by.person_id for person in speakers)


def list_given(person_id: int, *, by: Actor) -> tuple[list[TaughtLecture], list[Series]]:
    """Returns an instructor's lectures in all their series, latest first, and those series."""
    return _counted(list_taught(person_id, by=by), by=by), list_taught_series(person_id, by=by)


def list_desk_lectures(*, by: Actor, at: datetime, limit: int = 20) -> list[TaughtLecture]:
    """Returns, for administrators, all lectures that are live or should start within a day, earliest first."""
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
    return _counted(list(db.session.scalars(query)), by=by)


def _counted(lectures: list[Lecture], *, by: Actor) -> list[TaughtLecture]:
    attended = count_attended(lectures, by=by)
    return [
        TaughtLecture(one, one.series.taken, attended.get(one.id, 0) if one.state is LectureState.HELD else None)
        for one in lectures
    ]
