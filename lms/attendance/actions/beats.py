"""Heartbeats: a page or an app says from time to time that it is there. What is acknowledged is committed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.engine import Connection

from lms.attendance.models import Beat, Join
from lms.catalogue.models import Lecture, LectureState
from lms.core import clock
from lms.core.db import action, db
from lms.core.errors import NotFound
from lms.core.groups import group_writer


class Received(NamedTuple):
    """A heartbeat as it came in. `lecture_id` is the lecture that it was sent to; None asks nothing."""

    join_id: int
    seq: int
    received_ms: int
    lecture_id: int | None


_OPEN = (LectureState.SCHEDULED, LectureState.LIVE)
_JOINED = select(Join.id, Join.lecture_id, Lecture.state).join(Lecture, Lecture.id == Join.lecture_id)
_KEY = ["join_id", "seq"]
_INSERT = {
    "sqlite": insert_sqlite(Beat).on_conflict_do_nothing(index_elements=_KEY),
    "postgresql": insert_postgresql(Beat).on_conflict_do_nothing(index_elements=_KEY),
}


def write_beats(connection: Connection, beats: Sequence[Received]) -> list[bool]:
    """Keeps heartbeats inside the running transaction; answers for each whether its join is there.

    The same `seq` of a join again changes nothing, nor does one after the end: the state is asked under the lock.
    """
    asked = _JOINED.where(Join.id.in_({beat.join_id for beat in beats}))
    joined = {join_id: (lecture_id, state) for join_id, lecture_id, state in connection.execute(asked)}
    known = [beat.join_id in joined and beat.lecture_id in (None, joined[beat.join_id][0]) for beat in beats]
    # In one order in every process: two groups with the same beats then wait for each other, but not in a circle
    rows = sorted(
        beat[:3] for beat, found in zip(beats, known, strict=True) if found and joined[beat.join_id][1] in _OPEN
    )
    if rows:
        given = [{"join_id": join_id, "seq": seq, "received_ms": received} for join_id, seq, received in rows]
        connection.execute(_INSERT[connection.dialect.name], given)
    return known


def keep_beat(join_id: int, seq: int, *, lecture_id: int, at: datetime) -> None:
    """Keeps one heartbeat by group commit: returns once its group is committed.

    NotFound for a join that is not there, or not of this lecture; OperationalError where the group failed.
    """
    beat = Received(join_id, seq, clock.to_ms(at), lecture_id)
    if not group_writer("beats", write_beats).write(beat):
        raise NotFound


@action
def record_beat(join_id: int, seq: int, *, lecture_id: int | None = None, at: datetime) -> None:
    """Keeps one heartbeat inside the running action, or in a transaction of its own; otherwise as `keep_beat`."""
    beat = Received(join_id, seq, clock.to_ms(at), lecture_id)
    if not write_beats(db.session.connection(), [beat])[0]:
        raise NotFound
