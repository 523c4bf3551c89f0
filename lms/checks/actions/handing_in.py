"""Hands in attempts, and notes who could see the right answers before the rules of a check change.

Those who begin, save or hand in attempts hold the row of the check together (`hold_check`); who changes the check, or
makes it a draft again, holds it alone. So an attempt goes by the rules before the change or by those after it. The
check is always locked before its attempts.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, update

from lms.checks import rules, shown_questions
from lms.checks.models import Attempt, AttemptState, Check
from lms.checks.queries.checks import sitting_of
from lms.checks.queries.results import who_saw_answers
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.people.models import Person
from lms.people.queries.persons import members


def hold_check(check_id: int, *, alone: bool = False) -> Check:
    """Locks the row of a check, and returns the check as it is then."""
    lock: Any = True if alone else {"read": True}
    return db.session.get_one(Check, check_id, populate_existing=True, with_for_update=lock)


def hand_in(attempt: Attempt, *, at: datetime) -> None:
    """Marks a locked attempt, inside the running action: from then on nothing of it changes."""
    sitting = sitting_of(attempt, by=SYSTEM)
    marks = {str(one.id): shown_questions.is_right(one, sitting.answer(one)) for one in sitting.questions}
    attempt.state, attempt.marks = AttemptState.SUBMITTED, marks
    attempt.right, attempt.total = sum(marks.values()), len(marks)
    attempt.passed = attempt.right >= sitting.needed
    attempt.submitted_at = min(at, sitting.end) if sitting.end is not None else at
    db.session.flush()


def overdue(at: datetime) -> Any:
    """The condition for attempts whose time is over and that nobody has handed in. Join their check."""
    late = at - rules.GRACE
    is_late = or_(Attempt.limit_at <= late, and_(Check.closes_at.is_not(None), Check.closes_at <= late))
    return and_(Attempt.state == AttemptState.OPEN, is_late)


def hand_in_overdue(*conditions: Any, at: datetime) -> None:
    """Hands in attempts that meet the conditions and whose time is over, before somebody moves their end. The caller
    holds the checks."""
    query = select(Attempt).join(Check, Check.id == Attempt.check_id).where(overdue(at), *conditions)
    locked = query.order_by(Attempt.id).with_for_update(of=Attempt).execution_options(populate_existing=True)
    for attempt in db.session.scalars(locked):
        hand_in(attempt, at=at)


def note_who_saw_together(kept_id: int, merged_id: int, *, at: datetime) -> None:
    """Notes the checks whose right answers two people could see who were taken for one until now."""
    people = [*members(kept_id), *members(merged_id)]
    query = select(Attempt).where(Attempt.person_id.in_(people)).order_by(Attempt.check_id, Attempt.id)
    by_check: dict[int, list[Attempt]] = {}
    for attempt in db.session.scalars(query):
        by_check.setdefault(attempt.check_id, []).append(attempt)
    for check_id, attempts in by_check.items():
        if rules.has_seen_answers(hold_check(check_id), attempts, at):
            for attempt in attempts:
                attempt.answers_seen_at = attempt.answers_seen_at or at


def note_who_saw(check: Check, *, at: datetime) -> None:
    """Notes who can see the right answers under the rules that a check has until now. The caller holds the check
    alone."""
    hand_in_overdue(Attempt.check_id == check.id, at=at)
    saw = select(Person.id).where(Person.canonical_id.in_(who_saw_answers(check, at=at)))
    db.session.execute(
        update(Attempt)
        .where(Attempt.check_id == check.id, Attempt.answers_seen_at.is_(None), Attempt.person_id.in_(saw))
        .values(answers_seen_at=at)
        .execution_options(synchronize_session="fetch")
    )
