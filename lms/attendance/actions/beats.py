"""Heartbeats, which pages and apps send while they are open. An acknowledged heartbeat is committed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from lms.catalogue.models import LectureState
from lms.core.base.errors import NotFound
from lms.core.database.group_commit import group_writer
from lms.core.database.session import action, db
from lms.core.time import clock


class Received(NamedTuple):
    """A heartbeat as received. `lecture_id` is the lecture it was sent to; None skips the check."""

    join_id: int
    seq: int
    received_ms: int
    lecture_id: int | None


_OPEN = frozenset({LectureState.SCHEDULED.value, LectureState.LIVE.value})
# As text: building and compiling these for each group cost the writer more than the database did
_JOINED = {
    "sqlite": text(
        'SELECT "join".id, "join".lecture_id, lecture.state FROM "join" JOIN lecture ON lecture.id = "join".lecture_id '
        'WHERE "join".id IN (SELECT value FROM json_each(:joins))'
    ),
    "postgresql": text(
        'SELECT "join".id, "join".lecture_id, lecture.state FROM "join" JOIN lecture ON lecture.id = "join".lecture_id '
        'WHERE "join".id = ANY(:joins)'
    ),
}
_INSERT = text(
    "INSERT INTO beat (join_id, seq, received_ms) VALUES (:join_id, :seq, :received_ms) "
    "ON CONFLICT (join_id, seq) DO NOTHING"
)


def write_beats(connection: Connection, beats: Sequence[Received]) -> list[bool]:
    """Keeps heartbeats inside the running transaction; answers for each whether its join is there.

    The same `seq` of a join again changes nothing, nor does one after the end: the state is asked under the lock.
    """
    dialect = connection.dialect.name
    joins = list({beat.join_id for beat in beats})
    joined_rows = connection.execute(_JOINED[dialect], {"joins": json.dumps(joins) if dialect == "sqlite" else joins})
    joined = {join_id: (lecture_id, state) for join_id, lecture_id, state in joined_rows}
    known = [beat.join_id in joined and beat.lecture_id in (None, joined[beat.join_id][0]) for beat in beats]
    # In one order in every process: two groups with the same beats then wait for each other, but not in a circle
    rows = sorted(
        beat[:3] for beat, is_known in zip(beats, known, strict=True) if is_known and joined[beat.join_id][1] in _OPEN
    )
    if rows:
        given = [{"join_id": join_id, "seq": seq, "received_ms": received} for join_id, seq, received in rows]
        connection.execute(_INSERT, given)
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
    """Stores one heartbeat inside the running action, or in a separate transaction; otherwise as `keep_beat`."""
    beat = Received(join_id, seq, clock.to_ms(at), lecture_id)
    if not write_beats(db.session.connection(), [beat])[0]:
        raise NotFound
