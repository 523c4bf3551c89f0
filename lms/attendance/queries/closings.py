"""Whether the attendance of a lecture is closed, by whom and since when."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from lms.attendance.models.credits import Closing, Correction, Credit, Outcome
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_one, read_value, shared_alias
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import speaking
from lms.people.models import Person


@dataclass(frozen=True)
class ClosingView:
    """A closing with the names of who closed, and who reopened; null for the system."""

    closed_at: datetime
    closed_by: str | None
    figures: dict[str, int]
    reopened_at: datetime | None
    reopened_by: str | None
    reason: str | None

    @property
    def holds(self) -> bool:
        """Whether the attendance is closed by it."""
        return self.reopened_at is None


_Closer, _Opener = shared_alias(Person), shared_alias(Person)


def find_closing(lecture_id: int) -> Closing | None:
    """The closing that holds, if any. Writers ask with the lecture locked."""
    query = select(Closing).where(Closing.lecture_id == lecture_id, Closing.reopened_at.is_(None))
    return db.session.scalar(query.execution_options(populate_existing=True))


def closed_among(lecture_ids: Collection[int]) -> set[int]:
    """The lectures among these whose attendance is closed."""
    query = select(Closing.lecture_id).where(Closing.lecture_id.in_(lecture_ids), Closing.reopened_at.is_(None))
    return {lecture_id for (lecture_id,) in read(query)} if lecture_ids else set()


def count_undecided(lecture_id: int) -> int:
    """How many people are enrolled who have not attended a held lecture, and for whom no correction decides."""
    lecture = db.session.get_one(Lecture, lecture_id)
    attended = exists().where(
        Credit.lecture_id == lecture_id, Credit.person_id == Person.id, Credit.outcome == Outcome.ATTENDED
    )
    member = aliased(Person)
    corrected = exists().where(
        Correction.lecture_id == lecture_id,
        Correction.withdrawn_at.is_(None),
        Correction.person_id == member.id,
        member.canonical_id == Person.id,
    )
    people = speaking(Person.id).where(
        Enrolment.series_id == lecture.series_id, Enrolment.status == EnrolmentStatus.ENROLLED, ~attended, ~corrected
    )
    return read_value(select(func.count()).select_from(people.subquery())) or 0


def view_of(lecture_id: int) -> ClosingView | None:
    """The closing that holds, with names."""
    row = read_one(_views(lecture_id).where(Closing.reopened_at.is_(None)))
    return None if row is None else ClosingView(*row)


def get_closable(lecture_id: int, *, by: Actor) -> tuple[Lecture, list[ClosingView]]:
    """A lecture with its closings, the latest first, for those who may close it; Forbidden or NotFound for others."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    return lecture, [ClosingView(*row) for row in read(_views(lecture_id))]


def list_closings(lecture_id: int, *, by: Actor) -> list[ClosingView]:
    """The closings of a lecture, the latest first, for its staff; Forbidden or NotFound for others."""
    return get_closable(lecture_id, by=by)[1]


def _views(lecture_id: int) -> Any:
    """The query of the closings of a lecture, the latest first, with the columns of `ClosingView`."""
    return (
        select(
            Closing.closed_at,
            _Closer.full_name.label("closed_by"),
            Closing.figures,
            Closing.reopened_at,
            _Opener.full_name.label("reopened_by"),
            Closing.reason,
        )
        .outerjoin(_Closer, _Closer.id == Closing.closed_by)
        .outerjoin(_Opener, _Opener.id == Closing.reopened_by)
        .where(Closing.lecture_id == lecture_id)
        .order_by(Closing.id.desc())
    )
