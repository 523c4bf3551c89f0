"""Looking for people who may be one, and keeping who is not."""

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import and_, delete, or_, select

from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import action, db, one_at_a_time, read
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.actions import block_comparison
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.models import DuplicatePair, Person, PersonToCompare
from lms.people.queries.duplicates import duplicates_of
from lms.people.queries.persons import person_id_of

AT_ONCE = 25
"""The number of people compared one at a time before the results are written."""
LASTS = timedelta(seconds=2)
"""The length of one round; the worker begins the next a few seconds later."""


def compare_waiting_people(*, at: datetime, in_bulk: bool = True) -> int:
    """Compares people who wait for it, for `LASTS`; returns how many are done. After a kill, the next call goes on.

    The newest come first, one by one. If many wait, they are compared by blocks, unless `in_bulk` is false.
    """
    ends = time.monotonic() + LASTS.total_seconds()
    compared = 0
    if in_bulk and not block_comparison.is_running():
        block_comparison.begin_when_many_wait(at=at)
    day = clock.day_of(at, clock.reporting_zone())
    while time.monotonic() < ends and (some := _compare_some(day, at=at)):
        compared += some
    while in_bulk and time.monotonic() < ends and block_comparison.is_running():
        compared += block_comparison.compare_next()
    db.session.rollback()
    return compared


def _compare_some(day: date, *, at: datetime) -> int:
    waiting = select(PersonToCompare.person_id, PersonToCompare.asked_at).where(~PersonToCompare.is_in_blocks)
    newest = waiting.order_by(PersonToCompare.person_id.desc()).limit(AT_ONCE)
    requested_at = {row.person_id: row.asked_at for row in read(newest)}
    if requested_at:
        scores = {
            (min(person_id, other.person.person_id), max(person_id, other.person.person_id)): other.similarity.score
            for person_id in requested_at
            for other in duplicates_of(person_id, day)
        }
        _write(scores, requested_at, at=at)
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
