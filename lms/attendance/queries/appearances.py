"""Whom files tell of without anybody being known, and what was decided about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.attendance.models import Appearance, How, Presence
from lms.attendance.queries.evidence import WHO
from lms.core.bulk import among
from lms.core.db import db
from lms.people.models import Person


@dataclass(frozen=True)
class Standing:
    """An appearance as it stands: whom it means (canonical; null: nobody, or not decided), how, by whom and when."""

    id: int
    key: str
    person_id: int | None
    how: How | None
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True)
class Kept:
    """A piece of evidence that is there: through which appearance, and whether it is settled whose it is."""

    appearance_id: int | None
    is_settled: bool


def evidence_in(lecture_id: int) -> dict[str, Kept]:
    """The evidence of a lecture, by its identity."""
    query = (
        select(Presence.evidence, Presence.appearance_id, Presence.person_id.is_not(None) | Appearance.how.is_not(None))
        .outerjoin(Appearance, Appearance.id == Presence.appearance_id)
        .where(Presence.lecture_id == lecture_id)
    )
    return {evidence: Kept(through, bool(settled)) for evidence, through, settled in db.session.execute(query)}


def lectures_told_of(appearance_ids: Iterable[int]) -> set[int]:
    """The lectures in which these appearances were seen."""
    query = select(Presence.lecture_id).where(among(Presence.appearance_id, list(appearance_ids))).distinct()
    return set(db.session.scalars(query))


def standing_of(series_id: int, keys: Iterable[str]) -> dict[str, Standing]:
    """The appearances of a series under these keys."""
    decider = Person.__table__.alias()
    query = (
        select(Appearance.id, Appearance.key, WHO, Appearance.how, decider.c.full_name, Appearance.decided_at)
        .outerjoin(Person, Person.id == Appearance.person_id)
        .outerjoin(decider, decider.c.id == Appearance.decided_by)
        .where(Appearance.series_id == series_id, among(Appearance.key, list(keys)))
    )
    return {row[1]: Standing(*row) for row in db.session.execute(query)}
