"""When lectures were paused."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from lms.catalogue.models import Lecture, LecturePause
from lms.catalogue.rules import AnyLecture
from lms.core.clock import to_ms
from lms.core.db import db, read


def find_pause(lecture: Lecture) -> LecturePause | None:
    """The pause that a lecture is in; null if it is not paused."""
    if lecture.paused_ms is None:
        return None
    query = select(LecturePause).where(LecturePause.lecture_id == lecture.id, LecturePause.ended_at.is_(None))
    return db.session.scalars(query).first()


def list_pauses(lecture: AnyLecture) -> list[tuple[int, int | None]]:
    """The pauses of a lecture that count, in order, from when to when in milliseconds UTC; null for the end of one that
    lasts."""
    if lecture.paused_ms is None:
        return []
    query = select(LecturePause.started_at, LecturePause.ended_at).where(
        LecturePause.lecture_id == lecture.id, LecturePause.withdrawn_at.is_(None)
    )
    return [
        (to_ms(started_at), to_ms(ended_at) if ended_at is not None else None)
        for started_at, ended_at in read(query.order_by(LecturePause.started_at))
    ]


def list_ended_pauses(lecture: Lecture) -> Sequence[LecturePause]:
    """The pauses of a lecture that are over, those that were withdrawn too, in order. Its callers check who asks."""
    if lecture.paused_ms is None:
        return []
    query = select(LecturePause).where(LecturePause.lecture_id == lecture.id, LecturePause.ended_at.is_not(None))
    return db.session.scalars(query.order_by(LecturePause.started_at)).all()
