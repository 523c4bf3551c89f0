"""Which series and lecture the examples of the API reference are about."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from lms.catalogue.models import Admission, Lecture, LectureState, Series
from lms.catalogue.queries.lectures import BEGAN
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.base.roles import Actor
from lms.core.database.session import read


@dataclass(frozen=True)
class Examples:
    """A series with a lecture that was held, and a series to which countries nominate."""

    series: str = "SERIES"
    lecture: int = 1
    nominated: str = "SERIES"


def find_examples(*, by: Actor) -> Examples:
    """Returns the series and lecture held last that the actor can see, and the newest series with nominations."""
    held = (
        select(Series.slug, Lecture.id)
        .join(Lecture, Lecture.series_id == Series.id)
        .where(Lecture.state == LectureState.HELD, visible(by), shown_lecture(by))
        .order_by(BEGAN.desc(), Lecture.id)
        .limit(1)
    )
    nominated = (
        select(Series.slug)
        .where(Series.admission == Admission.NOMINATION, visible(by))
        .order_by(Series.id.desc())
        .limit(1)
    )
    series, lecture = next(iter(read(held)), (Examples.series, Examples.lecture))
    return Examples(series, lecture, next((row[0] for row in read(nominated)), series))
