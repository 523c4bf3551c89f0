"""Which held lectures are sessions, as counted in every figure.

A lecture of five minutes or more in which someone was present is a session. Any other becomes one when its staff
confirm it. Lengths are compared in whole seconds, so that all databases agree.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import BigInteger, and_, cast, exists, extract, func, not_, or_, select
from sqlalchemy.orm import contains_eager

from lms.attendance.models.credits import Closing, Credit, Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import AnyLecture, may_edit_lecture
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import db, is_sqlite, read_column

LEAST_SECONDS: Final = 300
"""A shorter lecture must be confirmed."""
_PRESENT = (Outcome.ATTENDED, Outcome.PARTIAL)


def whole_seconds(column: Any) -> Any:
    """An instant as whole seconds since 1970: cheaper to read by the million than a moment with its zone."""
    seconds = extract("epoch", column)
    return seconds if is_sqlite() else cast(func.floor(seconds), BigInteger)


def _is_held() -> Any:
    return and_(Lecture.state == LectureState.HELD, Lecture.actual_start.is_not(None))


def _is_certain() -> Any:
    """Whether a held lecture is a session: confirmed, or long enough with someone present."""
    paused = func.coalesce(Lecture.paused_ms, 0) / 1000
    length = whole_seconds(Lecture.actual_end) - whole_seconds(Lecture.actual_start) - paused
    somebody = exists().where(Credit.lecture_id == Lecture.id, Credit.outcome.in_(_PRESENT))
    return or_(Lecture.confirmed_at.is_not(None), and_(length >= LEAST_SECONDS, somebody))


def is_session() -> Any:
    """Whether a `Lecture` is a session, as a condition of SQL."""
    return and_(_is_held(), _is_certain())


def sessions_among(lectures: Iterable[AnyLecture]) -> set[int]:
    """The ids of those of these lectures that are sessions."""
    held = [lecture.id for lecture in lectures if lecture.state is LectureState.HELD]
    return set(read_column(select(Lecture.id).where(Lecture.id.in_(held), is_session()))) if held else set()


def unconfirmed_lectures(*, by: Actor) -> list[Lecture]:
    """Held lectures that count after confirmation, oldest first. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    query = select(Lecture).join(Lecture.series).where(_is_held(), not_(_is_certain()))
    query = query.options(contains_eager(Lecture.series))
    return list(db.session.scalars(query.order_by(Lecture.actual_start, Lecture.id)))


def needs_confirmation(lecture: Lecture, *, by: Actor) -> bool:
    """Whether a held lecture needs confirmation to become a session, for people who can confirm it;
    False for others.
    """
    if lecture.state is not LectureState.HELD or lecture.confirmed_at is not None or not may_edit_lecture(lecture, by):
        return False
    return (
        db.session.scalar(select(Lecture.id).where(Lecture.id == lecture.id, _is_held(), not_(_is_certain())))
        is not None
    )


def awaiting_report(lecture_ids: Collection[int]) -> set[int]:
    """Those of these held lectures of which nobody knows yet who was there: with a meeting link, without a report, and
    not closed."""
    if not lecture_ids:
        return set()
    reported = exists().where(Presence.lecture_id == Lecture.id, Presence.source == Source.IMPORT)
    closed = exists().where(Closing.lecture_id == Lecture.id, Closing.reopened_at.is_(None))
    query = select(Lecture.id).where(Lecture.id.in_(lecture_ids), Lecture.state == LectureState.HELD)
    return set(read_column(query.where(func.coalesce(Lecture.join_url, "") != "", ~reported, ~closed)))
