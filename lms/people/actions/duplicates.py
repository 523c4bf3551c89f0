"""Looking for people who may be one, and keeping who is not."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select

from lms.core import audit, clock
from lms.core.bulk import among, insert_many
from lms.core.db import action, db, read
from lms.core.errors import Forbidden, Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.models import DuplicatePair, Person, PersonToCompare
from lms.people.queries.duplicates import PossibleDuplicate, duplicates_of
from lms.people.queries.persons import person_id_of

AT_ONCE = 25
"""So many people are compared before what was found is written."""
LASTS = timedelta(seconds=2)
"""For so long one round goes on; the worker begins the next a few seconds later."""


def compare_waiting_people(*, at: datetime) -> int:
    """Compares people who wait for it, the newest first, for `LASTS` at most. Returns how many."""
    compared, ends = 0, time.monotonic() + LASTS.total_seconds()
    day = clock.day_of(at, clock.reporting_zone())
    while time.monotonic() < ends:
        waiting = select(PersonToCompare.person_id, PersonToCompare.asked_at)
        newest = waiting.order_by(PersonToCompare.person_id.desc()).limit(AT_ONCE)
        rows = [(row.person_id, row.asked_at) for row in read(newest)]
        if not rows:
            break
        found = {person_id: duplicates_of(person_id, day) for person_id, _asked in rows}
        _note(found, dict(rows), at=at)
        compared += len(rows)
    db.session.rollback()
    return compared


@action
def _note(found: dict[int, list[PossibleDuplicate]], asked: dict[int, datetime], *, at: datetime) -> None:
    """Keeps what was found, in place of what was found of these people before."""
    own = or_(among(DuplicatePair.first_id, found), among(DuplicatePair.second_id, found))
    db.session.execute(delete(DuplicatePair).where(own, DuplicatePair.decided_at.is_(None)))
    scores = {
        (min(person_id, one.person.person_id), max(person_id, one.person.person_id)): one.similarity.score
        for person_id, others in found.items()
        for one in others
    }
    rows = [
        {"first_id": first, "second_id": second, "score": score, "found_at": at}
        for (first, second), score in sorted(scores.items())
    ]
    insert_many(DuplicatePair.__table__, rows, unless=["first_id", "second_id"])
    for person_id, asked_at in asked.items():  # who was renamed meanwhile is compared again
        done = and_(PersonToCompare.person_id == person_id, PersonToCompare.asked_at == asked_at)
        db.session.execute(delete(PersonToCompare).where(done))


@action
def mark_different(public_id: str, other: str, *, by: Actor, at: datetime) -> None:
    """Keeps that two people are different, so that they are not offered again. For administrators. Raises NotFound."""
    if not by.is_administrator:
        raise Forbidden
    first, second = sorted((person_id_of(public_id), person_id_of(other)))
    if first == second:
        raise Refused(_("These two are merged already. Undo the merge first."))
    pair = _pair(first, second)
    if pair is None:
        pair = DuplicatePair(first_id=first, second_id=second, score=0, found_at=at)
        db.session.add(pair)
    if pair.decided_at is None:
        pair.decided_at, pair.decided_by = at, by.person_id
        audit.record("mark_different", by=by, at=at, person=[first, second])


@action
def unmark_different(public_id: str, other: str, *, by: Actor, at: datetime) -> None:
    """Takes back that two people are different: they are compared again. For administrators. Raises NotFound."""
    if not by.is_administrator:
        raise Forbidden
    first, second = sorted((person_id_of(public_id), person_id_of(other)))
    rows = (among(column, _members(first, second)) for column in (DuplicatePair.first_id, DuplicatePair.second_id))
    gone = db.session.execute(delete(DuplicatePair).where(*rows, DuplicatePair.decided_at.is_not(None)))
    if gone.rowcount:  # type: ignore[attr-defined]
        ask_for_comparison([first, second], at=at)
        audit.record("unmark_different", by=by, at=at, person=[first, second])


def _members(*person_ids: int) -> list[int]:
    return list(db.session.scalars(select(Person.id).where(Person.canonical_id.in_(person_ids))))


def _pair(first: int, second: int) -> DuplicatePair | None:
    query = select(DuplicatePair).where(DuplicatePair.first_id == first, DuplicatePair.second_id == second)
    return db.session.scalar(query.execution_options(populate_existing=True))
