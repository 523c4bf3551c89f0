"""Policies of series and lectures, pauses of lectures, and the series and lecture of the API's examples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm.util import identity_key

from lms.catalogue.models import Admission, Lecture, LecturePause, LectureState, Policy, Series
from lms.catalogue.queries.lectures import BEGAN
from lms.catalogue.rules import AnyLecture
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read
from lms.core.time.clock import to_ms

# Policies


def current_policy(series_id: int) -> Policy:
    """Returns the newest policy of a series, which applies to lectures not yet held."""
    query = select(Policy).where(Policy.series_id == series_id).order_by(Policy.version.desc()).limit(1)
    return db.session.scalars(query).one()


def current_policies(series_ids: Iterable[int]) -> dict[int, Policy]:
    """The newest policy of each of these series."""
    query = select(Policy).where(Policy.series_id.in_(list(series_ids))).order_by(Policy.version)
    return {policy.series_id: policy for policy in db.session.scalars(query)}


def slugs_without_certificate() -> frozenset[str]:
    """The series whose newest policy gives no certificate."""
    versions = select(func.max(Policy.version)).where(Policy.series_id == Series.id)
    query = (
        select(Series.slug)
        .join(Policy, Policy.series_id == Series.id)
        .where(Policy.version == versions.correlate(Series).scalar_subquery(), Policy.certificate.is_(None))
    )
    return frozenset(db.session.scalars(query))


def policy_for(lecture: Lecture) -> Policy:
    """The policy a lecture was held under, or the one it will be."""
    if lecture.policy_id is None:
        return current_policy(lecture.series_id)
    read_already = db.session.identity_map.get(identity_key(Policy, lecture.policy_id))
    return read_already or db.session.scalars(select(Policy).where(Policy.id == lecture.policy_id)).one()


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
