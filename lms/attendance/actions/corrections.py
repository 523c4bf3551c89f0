"""Corrections by hand: the evidence stays, and who, when and why is kept; it wins until withdrawn."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.tallies import hold_tallies
from lms.attendance.models import Correction, Outcome
from lms.attendance.queries.evidence import corrections_in, is_held
from lms.attendance.queries.roster import is_on_roster
from lms.catalogue.queries import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core import audit
from lms.core.db import action, db
from lms.core.errors import NotFound, Refused
from lms.core.roles import Actor
from lms.core.words import _
from lms.people.models import Person
from lms.people.queries import person_id_of


@action
def correct(
    lecture_id: int, person_public_id: str, *, outcome: Outcome | None, reason: str = "", by: Actor, at: datetime
) -> None:
    """Sets the outcome of one person in one lecture by hand; null withdraws what was set.

    Minutes and intervals stay as they were seen. Invalid without a reason; Refused before the lecture was held, and
    once its attendance is closed; NotFound for somebody who does not stand on the roster.
    """
    hold_tallies()
    lecture = get_lecture(lecture_id, by=by)
    lock_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    person_id = person_id_of(person_public_id)
    if not is_on_roster(lecture, person_id):
        raise NotFound
    reason = rules.checked_words(reason, lack=_("Say why.") if outcome is not None else None)
    if not is_held(lecture):
        raise Refused(_("Attendance is corrected once the lecture has ended."))
    check_not_closed(lecture)
    held = corrections_in(lecture_id, [person_id]).get(person_id)
    if outcome is None and held is None:
        return
    if held is not None:
        if held.outcome is outcome and held.reason == reason:
            return
        _withdraw_all(lecture_id, person_id, by=by, at=at)
    if outcome is not None:
        db.session.add(
            Correction(
                lecture_id=lecture_id,
                person_id=person_id,
                outcome=outcome,
                reason=reason,
                by_person_id=by.person_id,
                made_at=at,
            )
        )
        db.session.flush()
    verb = "attendance.correct" if outcome is not None else "attendance.withdraw_correction"
    detail = {"outcome": outcome.value} if outcome is not None else {}
    audit.record(verb, by=by, at=at, detail=detail, lecture=lecture_id, person=person_id)
    credit_lecture(lecture_id, by=by, at=at, only=[person_id])


def _withdraw_all(lecture_id: int, person_id: int, *, by: Actor, at: datetime) -> None:
    """Withdraws every correction that holds for this person, also those of rows merged into it."""
    query = (
        select(Correction)
        .join(Person, Person.id == Correction.person_id)
        .where(
            Correction.lecture_id == lecture_id,
            Correction.withdrawn_at.is_(None),
            Person.canonical_id == person_id,
        )
    )
    for correction in db.session.scalars(query):
        correction.withdrawn_at, correction.withdrawn_by = at, by.person_id
    db.session.flush()
