"""Corrections: the evidence is kept, with who, when and why; a correction overrides it until removed.

No step is lost: setting, removing and restoring each add a row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Integer, bindparam, select

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.presence import is_held, rows_of
from lms.attendance.queries.outcomes import corrections_in
from lms.attendance.queries.roster import not_on_roster
from lms.catalogue.models import Lecture
from lms.catalogue.queries import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core import audit
from lms.core.bulk import chunks
from lms.core.db import action, db
from lms.core.errors import Invalid, NotFound, Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.people.models import Person
from lms.people.queries.persons import person_id_of, person_ids_of

MOST = 1000
"""People of one step."""


@action
def correct(
    lecture_id: int, person_public_id: str, *, outcome: Outcome | None, reason: str = "", by: Actor, at: datetime
) -> None:
    """Corrects the outcome of one person in one lecture; null removes the correction. Minutes and intervals do not
    change.

    Raises Invalid without a reason, Refused before the lecture was held and once its attendance is closed, and NotFound
    for a person who is not on the roster.
    """
    lecture = hold_attendance(lecture_id, by=by)
    set_outcomes(lecture, [person_id_of(person_public_id)], outcome=outcome, reason=reason, by=by, at=at)


@action
def correct_many(
    lecture_id: int,
    person_public_ids: Collection[str],
    *,
    outcome: Outcome | None,
    reason: str,
    by: Actor,
    at: datetime,
) -> int:
    """Like `correct`, for many people at once: all of them or none. Returns for how many something changed.

    Raises Invalid (`people`) for nobody, or for more than a thousand.
    """
    lecture = hold_attendance(lecture_id, by=by)
    if not person_public_ids:
        raise Invalid("people", _("Select at least one person."))
    if len(person_public_ids) > MOST:
        raise Invalid("people", _("Select at most %(n)s people at a time.", n=MOST))
    found = person_ids_of(person_public_ids)
    return set_outcomes(lecture, sorted(set(found)), outcome=outcome, reason=reason, by=by, at=at)


@action
def restore_correction(lecture_id: int, person_public_id: str, correction_id: int, *, by: Actor, at: datetime) -> None:
    """Restores an earlier correction with its outcome and reason.

    Raises NotFound for another person's correction. If it is the current one, nothing changes.
    """
    lecture = hold_attendance(lecture_id, by=by)
    person_id = person_id_of(person_public_id)
    earlier = db.session.scalar(
        select(Correction)
        .join(Person, Person.id == Correction.person_id)
        .where(
            Correction.id == correction_id, Correction.lecture_id == lecture_id, Person.canonical_id == person_id
        )
    )  # fmt: skip
    if earlier is None:
        raise NotFound
    if earlier.withdrawn_at is None:
        return
    set_outcomes(
        lecture, [person_id], outcome=earlier.outcome, reason=earlier.reason, restores=earlier.id, by=by, at=at
    )


def hold_attendance(lecture_id: int, *, by: Actor) -> Lecture:
    """A lecture locked for changes to its attendance until the action ends. For its staff; otherwise raises Forbidden
    or NotFound.

    Raises Refused before it was held, and once its attendance is closed.
    """
    hold_facts()
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)
    lecture = lock_lecture(lecture_id)
    if not is_held(lecture):
        raise Refused(_("You can correct attendance after the lecture has ended."))
    check_not_closed(lecture)
    return lecture


def set_outcomes(
    lecture: Lecture,
    person_ids: Sequence[int],
    *,
    outcome: Outcome | None,
    reason: str,
    restores: int | None = None,
    by: Actor,
    at: datetime,
) -> int:
    """Sets or removes corrections inside the running action, with the lecture locked, and recounts these people.

    Returns for how many people something changed. Raises NotFound where a person is not on the roster.
    """
    if not_on_roster(lecture, person_ids):
        raise NotFound
    reason = rules.checked_words(reason, lack=_("Enter a reason.") if outcome is not None else None)
    held = corrections_in(lecture.id, person_ids)
    if outcome is None:
        changed = [person_id for person_id in person_ids if person_id in held]
    else:
        asked = (outcome, reason)
        changed = [one for one in person_ids if one not in held or (held[one].outcome, held[one].reason) != asked]
    if not changed:
        return 0
    _withdraw_all(lecture.id, [one for one in changed if one in held], by=by, at=at)
    if outcome is not None:
        for person_id in changed:
            db.session.add(
                Correction(
                    lecture_id=lecture.id,
                    person_id=person_id,
                    outcome=outcome,
                    reason=reason,
                    by_person_id=by.person_id,
                    made_at=at,
                    restores_id=restores,
                )
            )
        db.session.flush()
    verb = "attendance.correct" if outcome is not None else "attendance.withdraw_correction"
    detail = {"outcome": outcome.value} if outcome is not None else {}
    audit.record(verb, by=by, at=at, detail=detail, lecture=lecture.id, person=changed)
    credit_lecture(lecture.id, by=by, at=at, only=changed)
    return len(changed)


_IN_FORCE = select(Correction).where(
    Correction.lecture_id == bindparam("lecture_id", type_=Integer),
    Correction.withdrawn_at.is_(None),
    Correction.person_id.in_(rows_of(bindparam("people", expanding=True))),
)


def _withdraw_all(lecture_id: int, person_ids: Sequence[int], *, by: Actor, at: datetime) -> None:
    """Removes every current correction for these people, including those of rows merged into them."""
    for people in chunks(person_ids):
        for correction in db.session.scalars(_IN_FORCE, {"lecture_id": lecture_id, "people": people}):
            correction.withdrawn_at, correction.withdrawn_by = at, by.person_id
    db.session.flush()
