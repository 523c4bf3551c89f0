"""Live evidence: a page or an app joins."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert

from lms.attendance import rules
from lms.attendance.models.evidence import Join
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.time import clock


class OpenJoin(NamedTuple):
    """A join that was registered, and how often it says that it is there."""

    id: int
    beat_seconds: int


@action
def open_join(
    lecture_id: int,
    person_id: int,
    *,
    by: Actor,  # noqa: ARG001 - as every action
    at: datetime,
    beat_seconds: int = rules.BEAT_SECONDS,
) -> OpenJoin:
    """Registers a page or app that joins. `live` decides who can join and when."""
    values = {
        "lecture_id": lecture_id,
        "person_id": person_id,
        "joined_ms": clock.to_ms(at),
        "beat_seconds": beat_seconds,
    }
    join_id = db.session.connection().execute(insert(Join).returning(Join.id), values).scalar_one()
    return OpenJoin(join_id, beat_seconds)
