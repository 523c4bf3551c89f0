"""An instructor's lectures, with the numbers of people enrolled and attended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.teaching import list_taught, list_taught_series
from lms.catalogue.rules import AnyLecture
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.reports.queries.lecture import count_attended


@dataclass(frozen=True)
class TaughtLecture:
    """A lecture on an instructor's dashboard. `attended` is null unless it was held."""

    lecture: AnyLecture
    series: Series
    attended: int | None

    def is_given_by(self, by: Actor) -> bool:
        """Returns whether the actor gives the lecture. Without named lecturers, all instructors of the series do."""
        speakers = self.lecture.instructors
        return not speakers or any(person.id == by.person_id for person in speakers)


def list_given(person_id: int, *, by: Actor) -> tuple[list[TaughtLecture], list[Series]]:
    """Returns an instructor's lectures in all their series, latest first and not counted, and those series."""
    given = list_taught_series(person_id, by=by)
    by_id = {series.id: series for series in given}
    lectures = list_taught(person_id, by=by)
    return [TaughtLecture(lecture, by_id[lecture.series_id], None) for lecture in lectures], given


def with_attendance(taught: Sequence[TaughtLecture], *, by: Actor) -> list[TaughtLecture]:
    """Returns these lectures with the numbers of people who attended those that were held."""
    return _counted([(row.lecture, row.series) for row in taught], by=by)


def list_lectures_today(*, by: Actor, at: datetime, limit: int = 20) -> list[TaughtLecture]:
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
    return _counted([(one, one.series) for one in db.session.scalars(query)], by=by)


def _counted(lectures: Sequence[tuple[AnyLecture, Series]], *, by: Actor) -> list[TaughtLecture]:
    attended = count_attended(lectures, by=by)
    return [
        TaughtLecture(one, series, attended.get(one.id, 0) if one.state is LectureState.HELD else None)
        for one, series in lectures
    ]
