"""Live evidence: a page or an app joins."""

from __future__ import annotations

from datetime import datetime

from lms.attendance import rules
from lms.attendance.models.evidence import Join
from lms.core import clock
from lms.core.db import action, db
from lms.core.roles import Actor


@action
def open_join(
    lecture_id: int,
    person_id: int,
    *,
    by: Actor,  # noqa: ARG001 - as every action
    at: datetime,
    beat_seconds: int = rules.BEAT_SECONDS,
) -> Join:
    """Registers a page or app that joins. `live` decides who can join and when."""
    row = Join(lecture_id=lecture_id, person_id=person_id, joined_ms=clock.to_ms(at), beat_seconds=beat_seconds)
    db.session.add(row)
    db.session.flush()
    return row
