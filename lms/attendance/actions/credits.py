"""Credits: derived from all evidence of a lecture, in bulk, and only what differs is written."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, select, update

from lms.attendance.actions.facts import drop_facts, hold_facts, write_facts_of
from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import Beat, Join, Presence, Source
from lms.attendance.outcomes import CreditValues
from lms.attendance.presence import is_held, presence_of_joins
from lms.attendance.queries.closings import find_closing
from lms.attendance.queries.facts import has_facts
from lms.attendance.queries.outcomes import compute_credits, written_credits
from lms.attendance.rules import Interval, evidence_of
from lms.catalogue.models import Lecture, LectureState
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, chunks, insert_many
from lms.core.database.session import action, db, read
from lms.people.models import Person


@action
def compact_beats(lecture_id: int, *, by: Actor, at: datetime) -> int:  # noqa: ARG001 - as every action
    """Turns the beats of a lecture that is over into presence; returns how many intervals there were.

    Repeating it, or later beats, do not change the union.
    """
    lecture = lock_lecture(lecture_id)
    return 0 if lecture.state is LectureState.LIVE else _compact(lecture_id)


def _compact(lecture_id: int) -> int:
    rows = [
        row_of_room(lecture_id, join_id, person_id, interval, offline=offline)
        for join_id, person_id, interval, offline in presence_of_joins(lecture_id)
    ]
    insert_presence(rows)
    joins = select(Join.id).where(Join.lecture_id == lecture_id)
    db.session.execute(delete(Beat).where(Beat.join_id.in_(joins)).execution_options(synchronize_session=False))
    return len(rows)


def row_of_room(lecture_id: int, join_id: int, person_id: int, interval: Interval, *, offline: bool) -> dict[str, Any]:
    """Returns what the beats of a join say, as a row of presence."""
    joined, left = interval
    return {
        "lecture_id": lecture_id,
        "person_id": person_id,
        "source": Source.LIVE,
        "joined_ms": joined,
        "left_ms": left,
        "evidence": evidence_of(f"join:{join_id}", joined, left, "offline" if offline else "live"),
        "import_id": None,
        "attendee_id": None,
        "offline": offline,
    }


def insert_presence(rows: list[dict[str, Any]]) -> None:
    """Adds evidence; what is there already stays as it is."""
    insert_many(Presence.__table__, rows, unless=("lecture_id", "evidence"))


@action
def credit_lecture(
    lecture_id: int,
    *,
    by: Actor,
    at: datetime,
    only: Collection[int] | None = None,
    eligible: set[int] | None = None,
) -> int:
    """Writes the credits of a lecture that was held, from all its evidence; returns how many rows changed.

    While it is live, or not held at all, there are none. `only` recounts these people (canonical ids); once attendance
    is closed nobody else is recounted.
    `eligible` is what `eligible_people` answers, where the caller has just asked it.
    Sector and gender stay as they were when the credit was first written.
    """
    hold_facts()
    lecture = lock_lecture(lecture_id)
    if not is_held(lecture):
        drop_facts(lecture_id)
        return _drop(lecture_id, None)
    if only is None and find_closing(lecture_id) is not None:
        return 0
    return credit_locked(lecture, by=by, at=at, only=only, eligible=eligible)


def credit_locked(
    lecture: Lecture,
    *,
    by: Actor,
    at: datetime,
    only: Collection[int] | None = None,
    eligible: set[int] | None = None,
) -> int:
    """As `credit_lecture`, inside the running action, which has called `hold_facts` and then locked the lecture: it was
    held, and its attendance is not closed or `only` these people are recounted."""
    lecture_id = lecture.id
    if only is None:
        _compact(lecture_id)
    existing = written_credits(lecture_id, only)
    credits = compute_credits(lecture, only=only, eligible=None if eligible is None else eligible | existing.keys())
    new = sorted(person_id for person_id in credits if person_id not in existing)
    changed = [person_id for person_id, values in credits.items() if existing.get(person_id, values) != values]
    gone = [person_id for person_id in existing if person_id not in credits]
    _insert(lecture_id, new, credits, at)
    _update(lecture_id, changed, credits, at)
    if gone:
        _drop(lecture_id, gone)
    count = len(new) + len(changed) + len(gone)
    if count:
        detail = {"new": len(new), "changed": len(changed), "gone": len(gone)}
        audit.record("attendance.credit", by=by, at=at, detail=detail, lecture=lecture_id)
    if count or only is not None or not has_facts(lecture_id):
        write_facts_of(lecture, only if only is not None else [*new, *changed, *gone])
    return count


def delete_credits(lecture_id: int, *, by: Actor, at: datetime) -> None:
    """Deletes all credits of a lecture that is live again, inside the running action."""
    drop_facts(lecture_id)
    gone = _drop(lecture_id, None)
    if gone:
        audit.record("attendance.uncredit", by=by, at=at, detail={"gone": gone}, lecture=lecture_id)


def lock_lecture(lecture_id: int) -> Lecture:
    """The lecture as it is now, held until the action ends: its credits change one after the other."""
    query = select(Lecture).where(Lecture.id == lecture_id).with_for_update(of=Lecture)
    lecture = db.session.scalar(query.execution_options(populate_existing=True))
    if lecture is None:
        raise NotFound
    return lecture


def _insert(lecture_id: int, new: list[int], credits: dict[int, CreditValues], at: datetime) -> None:
    if not new:
        return
    rows: list[dict[str, Any]] = []
    query = select(Person.id, Person.sector, Person.gender).where(among(Person.id, new)).order_by(Person.id)
    for person_id, sector, gender in read(query):
        present, tenths, outcome, source, policy_id = credits[person_id]
        rows.append(
            {
                "lecture_id": lecture_id,
                "person_id": person_id,
                "present_ms": present,
                "percent_tenths": tenths,
                "outcome": outcome,
                "source": source,
                "sector": sector,
                "gender": gender,
                "policy_id": policy_id,
                "computed_at": at,
            }
        )
    insert_many(Credit.__table__, rows)


def _update(lecture_id: int, changed: list[int], credits: dict[int, CreditValues], at: datetime) -> None:
    if not changed:
        return
    rows = []
    for person_id in changed:
        present, tenths, outcome, source, policy_id = credits[person_id]
        rows.append({"who": person_id, "present": present, "tenths": tenths, "decided": outcome, "seen_by": source,
                     "held_under": policy_id, "lecture": lecture_id, "at": at})  # fmt: skip
    table = cast(Table, Credit.__table__)
    statement = (
        update(table)
        .where(table.c.lecture_id == bindparam("lecture"), table.c.person_id == bindparam("who"))
        .values(
            present_ms=bindparam("present"),
            percent_tenths=bindparam("tenths"),
            outcome=bindparam("decided"),
            source=bindparam("seen_by"),
            policy_id=bindparam("held_under"),
            computed_at=bindparam("at"),
        )
    )
    db.session.connection().execute(statement, rows)


def _drop(lecture_id: int, person_ids: list[int] | None) -> int:
    gone = 0
    for people in [None] if person_ids is None else chunks(person_ids):
        statement = delete(Credit).where(Credit.lecture_id == lecture_id)
        if people is not None:
            statement = statement.where(Credit.person_id.in_(people))
        result = db.session.execute(statement.execution_options(synchronize_session=False))
        gone += result.rowcount  # type: ignore[attr-defined]
    return gone
