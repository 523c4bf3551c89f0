"""Playing of replays: presence with the source *replay*, and the credits that follow."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select, update

from lms.attendance import rules
from lms.attendance.actions.credits import credit_lecture, insert_presence, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.models.evidence import Presence, ReplayViewing, Source
from lms.attendance.presence import is_held, rows_of, span_of
from lms.attendance.rules import Interval
from lms.catalogue.models import Lecture
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.core.time.durations import MINUTE_MS
from lms.people.models import Person

MOST_PIECES = 500
"""The most separate pieces of a replay that are stored for a person and a lecture."""
SHORTEST_MS = 1000
"""Shorter pieces are not stored."""
QUIET_MS = 20_000
"""Without a report for so long, somebody has stopped watching."""
LONGEST_WAIT_MS = 5 * MINUTE_MS
"""So long what somebody goes on watching waits for its credit."""


@dataclass(frozen=True)
class Played:
    """How much of a person's replay counts, so within the lecture and outside its pauses. `is_limited`: some of the
    report could not have been played yet."""

    played_ms: int
    is_limited: bool


@action
def record_played(
    lecture_id: int, person_id: int, ranges: Iterable[Interval], *, began_ms: int, is_paused: bool = False, at: datetime
) -> Played:
    """Stores which parts of a held lecture a person played since a page of theirs began, in milliseconds of its time of
    day.

    Each second counts once, in whatever order and how often reports come; gaps of less than a second are none. All
    pages of a person together can have played twice the time that they were open; what goes beyond is left out. The
    credit follows within 20 seconds after the last report, also where attendance is closed. Raises NotFound.
    """
    members = _locked_members(person_id)
    lecture = db.session.scalar(
        select(Lecture)
        .where(Lecture.id == lecture_id)
        .with_for_update(read=True, of=Lecture)
        .execution_options(populate_existing=True)
    )
    if lecture is None or not is_held(lecture):
        raise NotFound
    now_ms = clock.to_ms(at)
    rows = {
        (row.lecture_id, row.person_id): row
        for row in db.session.scalars(select(ReplayViewing).where(ReplayViewing.person_id.in_(members)))
    }
    viewing = rows.setdefault(
        (lecture_id, person_id), ReplayViewing(lecture_id=lecture_id, person_id=person_id, spans=[], played_ms=0)
    )
    spans = rules.unite([*_spans(viewing), (min(began_ms, now_ms), now_ms)])
    viewing.spans = [list(item) for item in spans]
    stored = _stored(lecture_id, members)
    reported = [(start, end) for start, end in rules.unite(ranges) if end - start >= SHORTEST_MS]
    added = rules.leave_out(rules.close_gaps([*reported, *stored]), stored)
    possible = rules.first_of(added, _possible_ms(rows.values(), lecture_id))
    _store(lecture_id, person_id, possible)
    viewing.played_ms += rules.length(possible)
    viewing.reported_ms, viewing.is_paused = now_ms, is_paused
    if possible and viewing.uncredited_since_ms is None:
        viewing.uncredited_since_ms = now_ms
    db.session.add(viewing)
    return Played(rules.length(span_of(lecture).count([*stored, *possible])), is_limited=possible != added)


def _locked_members(person_id: int) -> list[int]:
    """The ids of all records of a person, whose reports then wait for one another. Raises NotFound for an erased
    person."""
    person = db.session.get(Person, person_id)
    if person is None or person.erased_at is not None:
        raise NotFound
    lock = select(Person.id).where(Person.id == person.canonical_id)
    db.session.execute(lock.with_for_update(key_share=True))
    return list(db.session.scalars(rows_of([person.canonical_id])))


def _spans(viewing: ReplayViewing) -> list[Interval]:
    return [(start, end) for start, end in viewing.spans]


def _possible_ms(viewings: Collection[ReplayViewing], lecture_id: int) -> int:
    """How much more can have been played of one lecture, given what the person played of it and of all."""
    most = []
    for rows in ([row for row in viewings if row.lecture_id == lecture_id], viewings):
        spans = [interval for row in rows for interval in _spans(row)]
        most.append(rules.playable_ms(spans) - sum(row.played_ms for row in rows))
    return max(min(most), 0)


def _stored(lecture_id: int, person_ids: Sequence[int]) -> list[Interval]:
    query = select(Presence.joined_ms, Presence.left_ms).where(
        Presence.lecture_id == lecture_id, Presence.person_id.in_(person_ids), Presence.source == Source.REPLAY
    )
    return rules.unite((joined, left) for joined, left in db.session.execute(query))


def _store(lecture_id: int, person_id: int, added: list[Interval]) -> None:
    """Adds pieces to what is stored under one record, united with what they touch."""
    if not added:
        return
    before = set(_stored(lecture_id, [person_id]))
    after = set(rules.unite([*before, *added]))
    if len(after) > max(MOST_PIECES, len(before)):
        raise Refused(_("You skipped too often in this lecture. Watch longer parts without skipping."))
    for joined, left in before - after:
        db.session.execute(
            delete(Presence).where(
                Presence.lecture_id == lecture_id, Presence.evidence == _evidence(person_id, joined, left)
            )
        )
    insert_presence([_row(lecture_id, person_id, *interval) for interval in sorted(after - before)])


def _evidence(person_id: int, joined: int, left: int) -> str:
    return rules.evidence_of(f"replay:{person_id}", joined, left, Source.REPLAY)


def _row(lecture_id: int, person_id: int, joined: int, left: int) -> dict[str, Any]:
    return {
        "lecture_id": lecture_id,
        "person_id": person_id,
        "source": Source.REPLAY,
        "joined_ms": joined,
        "left_ms": left,
        "evidence": _evidence(person_id, joined, left),
    }


def credit_due_replays(*, at: datetime) -> int:
    """Writes the credits of people who have stopped watching a replay, or have been watching it for minutes; returns
    how many changed."""
    now_ms = clock.to_ms(at)
    waiting = select(ReplayViewing.lecture_id).where(
        ReplayViewing.uncredited_since_ms.is_not(None),
        or_(
            ReplayViewing.is_paused,
            ReplayViewing.reported_ms <= now_ms - QUIET_MS,
            ReplayViewing.uncredited_since_ms <= now_ms - LONGEST_WAIT_MS,
        ),
    )
    lecture_ids = list(db.session.scalars(waiting.distinct().order_by(ReplayViewing.lecture_id)))
    return sum(_credit_replays(lecture_id, at=at) for lecture_id in lecture_ids)


@action
def _credit_replays(lecture_id: int, *, at: datetime) -> int:
    """Credits what waits of one lecture; while its row is held, no report comes between."""
    hold_facts()
    lecture = lock_lecture(lecture_id)
    waiting = (ReplayViewing.lecture_id == lecture_id, ReplayViewing.uncredited_since_ms.is_not(None))
    query = select(Person.canonical_id).join(ReplayViewing, ReplayViewing.person_id == Person.id).where(*waiting)
    people = {person_id for person_id in db.session.scalars(query) if person_id is not None}
    settled = update(ReplayViewing).where(*waiting).values(uncredited_since_ms=None)
    db.session.execute(settled.execution_options(synchronize_session=False))
    if not people or not is_held(lecture):
        return 0
    return credit_lecture(lecture_id, by=SYSTEM, at=at, only=people)
