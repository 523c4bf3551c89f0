"""Live evidence: joins, heartbeats, and heartbeats that a page recorded offline.

An acknowledged heartbeat is committed. Those recorded offline are accepted where the server's own mark proves their
time.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert, select, text
from sqlalchemy.engine import Connection

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import insert_presence, lock_lecture, row_of_room
from lms.attendance.models.evidence import Beat, Join, Presence
from lms.attendance.presence import WHO
from lms.catalogue.models import LectureState
from lms.core.background.jobs import request_job
from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.bulk import insert_many
from lms.core.database.group_commit import group_writer
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.models import Person


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


@action
def keep_offline_beats(
    join_id: int, intervals: Sequence[tuple[int, int]], *, mark_ms: int, lecture_id: int, at: datetime
) -> int:
    """Stores heartbeats `(seq, milliseconds since the mark)` of a join, and returns how many of them can be proven.

    `mark_ms` is the server's time in its signed mark. Repeating it changes nothing. After the end of the lecture the
    person's credit is recomputed. NotFound for an unknown join, or one of another lecture; Refused once attendance is
    closed.
    """
    lecture = lock_lecture(lecture_id)
    join = db.session.get(Join, join_id)
    if join is None or join.lecture_id != lecture_id:
        raise NotFound
    if lecture.actual_start is None or lecture.state not in (LectureState.LIVE, LectureState.HELD):
        return 0
    proven = rules.proven_beats(
        intervals,
        mark_ms=mark_ms,
        start_ms=clock.to_ms(lecture.actual_start),
        end_ms=clock.to_ms(lecture.actual_end) if lecture.actual_end is not None else None,
        now_ms=clock.to_ms(at),
    )
    if not proven:
        return 0
    if lecture.state is LectureState.HELD:
        check_not_closed(lecture)
        _add_to_held(join, [ms for _seq, ms in proven], at=at)
    else:
        rows = [{"join_id": join_id, "seq": seq, "received_ms": ms, "offline": True} for seq, ms in sorted(proven)]
        insert_many(Beat.__table__, rows, unless=("join_id", "seq"))
    return len(proven)


def _add_to_held(join: Join, received: Sequence[int], *, at: datetime) -> None:
    """Adds the presence to a lecture that was held, and asks for the person's credit where it was not there yet."""
    seen = rules.seen_by_beats(received, beat_seconds=join.beat_seconds, joined_ms=join.joined_ms)
    rows = [row_of_room(join.lecture_id, join.id, join.person_id, interval, offline=True) for interval in seen]
    there = select(Presence.evidence).where(
        Presence.lecture_id == join.lecture_id, Presence.evidence.in_([row["evidence"] for row in rows])
    )
    if len(set(db.session.scalars(there))) == len(rows):
        return
    insert_presence(rows)
    person_id = db.session.scalar(select(WHO).where(Person.id == join.person_id))
    request_job("credit_lecture", {"lecture_id": join.lecture_id, "person_ids": [person_id]}, by=SYSTEM, at=at)
