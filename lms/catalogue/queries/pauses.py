"""When lectures were paused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import Lecture, LecturePause
from lms.catalogue.rules import AnyLecture
from lms.core.database.bulk import among
from lms.core.database.session import db, read
from lms.core.time.clock import to_ms


def find_pause(lecture: Lecture) -> LecturePause | None:
    """The pause that a lecture is in; null if it is not paused."""
    if lecture.paused_ms is None:
        return None
    query = select(LecturePause).where(LecturePause.lecture_id == lecture.id, LecturePause.ended_at.is_(None))
    return db.session.scalars(query).first()


def list_resumptions(lectures: Iterable[AnyLecture]) -> dict[int, datetime]:
    """When those of these lectures that are paused are meant to go on. Its callers check who asks."""
    ids = [lecture.id for lecture in lectures if lecture.paused_ms is not None]
    if not ids:
        return {}
    query = select(LecturePause.lecture_id, LecturePause.resumes_at)
    is_lasting = LecturePause.ended_at.is_(None) & LecturePause.resumes_at.is_not(None)
    return dict(read(query.where(LecturePause.lecture_id.in_(ids), is_lasting)))


def list_pauses(lecture: AnyLecture) -> list[tuple[int, int | None]]:
    """The pauses of a lecture that count, in order, from when to when in milliseconds UTC; null for the end of one that
    lasts."""
    return pauses_by_lecture([lecture]).get(lecture.id, [])


def pauses_by_lecture(lectures: Iterable[AnyLecture]) -> dict[int, list[tuple[int, int | None]]]:
    """As `list_pauses`, of many lectures by id, in one statement; without those that were never paused."""
    paused = [lecture.id for lecture in lectures if lecture.paused_ms is not None]
    pauses: dict[int, list[tuple[int, int | None]]] = {}
    if not paused:
        return pauses
    query = select(LecturePause.lecture_id, LecturePause.started_at, LecturePause.ended_at).where(
        among(LecturePause.lecture_id, paused), LecturePause.withdrawn_at.is_(None)
    )
    for lecture_id, started_at, ended_at in read(query.order_by(LecturePause.started_at)):
        pause = to_ms(started_at), to_ms(ended_at) if ended_at is not None else None
        pauses.setdefault(lecture_id, []).append(pause)
    return pauses


def list_ended_pauses(lecture: Lecture) -> Sequence[LecturePause]:
    """The pauses of a lecture that are over, those that were withdrawn too, in order. Its callers check who asks."""
    if lecture.paused_ms is None:
        return []
    query = select(LecturePause).where(LecturePause.lecture_id == lecture.id, LecturePause.ended_at.is_not(None))
    return db.session.scalars(query.order_by(LecturePause.started_at)).all()
