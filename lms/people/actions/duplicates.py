"""Looking for people who may be one, and keeping who is not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Select, and_, delete, func, or_, select

from lms.core import audit, clock
from lms.core.bulk import among, chunks, insert_many
from lms.core.db import action, db, one_at_a_time, read, read_value
from lms.core.errors import Forbidden, Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.models import DuplicatePair, Person, PersonToCompare
from lms.people.queries.duplicate_blocks import score_pairs
from lms.people.queries.duplicates import duplicates_of
from lms.people.queries.persons import person_id_of

AT_ONCE = 25
"""The number of people compared one at a time before the results are written."""
IN_BULK = 300
"""From this many people on, reading everyone once costs less than a search for each."""
WRITTEN_AT_ONCE = 2000
LASTS = timedelta(seconds=2)
"""The length of one round of searches; the worker begins the next a few seconds later."""


def compare_waiting_people(*, at: datetime, in_bulk: bool = True) -> int:
    """Compares people who wait for it; returns how many. After a kill, those not yet written are compared again.

    Many are compared at once, unless `in_bulk` is false: then the newest, for `LASTS`.
    """
    day = clock.day_of(at, clock.reporting_zone())
    if in_bulk and read_value(select(func.count()).select_from(PersonToCompare)) >= IN_BULK:
        return _compare_in_bulk(day, at=at)
    compared, ends = 0, time.monotonic() + LASTS.total_seconds()
    while time.monotonic() < ends:
        waiting = _waiting().limit(AT_ONCE)
        requested_at = {row.person_id: row.asked_at for row in read(waiting)}
        if not requested_at:
            break
        scores = {
            (min(person_id, other.person.person_id), max(person_id, other.person.person_id)): other.similarity.score
            for person_id in requested_at
            for other in duplicates_of(person_id, day)
        }
        _write(scores, requested_at, at=at)
        compared += len(requested_at)
    db.session.rollback()
    return compared


def _waiting() -> Select[int, datetime]:
    return select(PersonToCompare.person_id, PersonToCompare.asked_at).order_by(PersonToCompare.person_id.desc())


def _compare_in_bulk(day: date, *, at: datetime) -> int:
    requested_at = {row.person_id: row.asked_at for row in read(_waiting())}
    scores = score_pairs(requested_at, day)
    db.session.rollback()
    by_person: dict[int, dict[tuple[int, int], int]] = {}
    for pair, score in scores.items():
        # With the person who is written last: the rows of a written person are replaced
        by_person.setdefault(min(person_id for person_id in pair if person_id in requested_at), {})[pair] = score
    for person_ids in chunks(requested_at, WRITTEN_AT_ONCE):
        some = {pair: score for person_id in person_ids for pair, score in by_person.get(person_id, {}).items()}
        _write(some, {person_id: requested_at[person_id] for person_id in person_ids}, at=at)
    return len(requested_at)


@action
def _write(scores: Mapping[tuple[int, int], int], requested_at: Mapping[int, datetime], *, at: datetime) -> None:
    """Replaces the undecided pairs of the people who were compared."""
    one_at_a_time("compare people")
    of_people = or_(among(DuplicatePair.first_id, requested_at), among(DuplicatePair.second_id, requested_at))
    db.session.execute(delete(DuplicatePair).where(of_people, DuplicatePair.decided_at.is_(None)))
    rows = [
        {"first_id": first, "second_id": second, "score": score, "found_at": at}
        for (first, second), score in sorted(scores.items())
    ]
    insert_many(DuplicatePair.__table__, rows, unless=["first_id", "second_id"])
    times: dict[datetime, list[int]] = {}
    for person_id, asked_at in requested_at.items():
        times.setdefault(asked_at, []).append(person_id)
    for asked_at, person_ids in times.items():  # people who were renamed in the meantime are compared again
        done = and_(among(PersonToCompare.person_id, person_ids), PersonToCompare.asked_at == asked_at)
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
