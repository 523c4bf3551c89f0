"""Live evidence: a page or an app joins, and says from time to time that it is there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from lms.attendance import rules
from lms.attendance.models import Beat, Join
from lms.catalogue.models import Lecture, LectureState
from lms.core import clock
from lms.core.db import action, db, is_sqlite
from lms.core.errors import NotFound
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
    """One page or app that takes part from now on. Who may join and when is decided by `live`."""
    row = Join(lecture_id=lecture_id, person_id=person_id, joined_ms=clock.to_ms(at), beat_seconds=beat_seconds)
    db.session.add(row)
    db.session.flush()
    return row


@action
def record_beat(join_id: int, seq: int, *, lecture_id: int | None = None, at: datetime) -> None:
    """Keeps one heartbeat as received; the same `seq` again changes nothing, nor does one after the end.

    NotFound for a join that is not there, or not of `lecture_id` where one is given.
    """
    query = select(Lecture.id, Lecture.state).join(Join, Join.lecture_id == Lecture.id).where(Join.id == join_id)
    found = db.session.execute(query).one_or_none()
    if found is None or lecture_id not in (None, found.id):
        raise NotFound
    if found.state not in (LectureState.SCHEDULED, LectureState.LIVE):
        return
    insert = insert_sqlite if is_sqlite() else insert_postgresql
    row = {"join_id": join_id, "seq": seq, "received_ms": clock.to_ms(at)}
    db.session.execute(insert(Beat).values(row).on_conflict_do_nothing(index_elements=["join_id", "seq"]))
