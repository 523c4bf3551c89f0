"""Heartbeats that a page recorded offline, accepted where the server's own mark proves their time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import insert_presence, lock_lecture, row_of_room
from lms.attendance.models.evidence import Beat, Join, Presence
from lms.attendance.presence import WHO
from lms.catalogue.models import LectureState
from lms.core.background.jobs import request_job
from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.models import Person


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
