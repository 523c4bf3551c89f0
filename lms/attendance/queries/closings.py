"""Whether the attendance of a lecture is closed, by whom and since when."""

from __future__ import annotations

from sqlalchemy import select

from lms.attendance.models import Closing
from lms.core.db import db


def find_closing(lecture_id: int) -> Closing | None:
    """The closing that holds, if any. Writers ask with the lecture locked."""
    query = select(Closing).where(Closing.lecture_id == lecture_id, Closing.reopened_at.is_(None))
    return db.session.scalar(query.execution_options(populate_existing=True))


def closings_of(lecture_id: int) -> list[Closing]:
    """All closings of a lecture, the first one first."""
    return list(db.session.scalars(select(Closing).where(Closing.lecture_id == lecture_id).order_by(Closing.id)))
