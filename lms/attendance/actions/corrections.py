"""Corrections: the evidence is kept, with who, when and why; a correction overrides it until removed.

No step is lost: setting, removing and restoring each add a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.outcomes import ByHand
from lms.attendance.presence import is_held, rows_of
from lms.attendance.queries.outcomes import corrections_in
from lms.attendance.queries.roster import not_on_roster
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, chunks, insert_many
from lms.core.database.session import action, db, read_column
from lms.core.text.i18n import _
from lms.core.text.typed_text import checked_words
from lms.people.models import Person
from lms.people.queries.persons import person_id_of


@dataclass(frozen=True)
class Wanted:
    """A correction that is to be in force: its outcome and reason. `restores`: the earlier correction it restores.

    `undoes`: it does so because the one after that is taken back; `replaces` is then what held before it.
    """

    outcome: Outcome
    reason: str
    restores: int | None = None
    undoes: bool = False
    replaces: int | None = None


@action
def correct(
    lecture_id: int, person_public_id: str, *, outcome: Outcome | None, reason: str = "", by: Actor, at: datetime
) -> None:
    """Corrects the outcome of one person in one lecture; null takes the correction back, and the one that it replaced
    holds again. Minutes and intervals do not change.

    Raises Invalid without a reason, Refused before the lecture was held and once its attendance is closed, and NotFound
    for a person who is not on the roster.
    """
    lecture = hold_attendance(lecture_id, by=by)
    person_id = person_id_of(person_public_id)
    if outcome is None:
        checked_words(reason, lack=None)
        set_each(lecture, {person_id: _before(lecture_id, person_id)}, by=by, at=at)
    else:
        set_outcomes(lecture, [person_id], outcome=outcome, reason=reason, by=by, at=at)


def _before(lecture_id: int, person_id: int) -> Wanted | None:
    """The correction that held before the current one, as it is to hold again; null where there was none."""
    held = corrections_in(lecture_id, [person_id]).get(person_id)
    current = db.session.get(Correction, held.id) if held is not None else None
    if current is None or current.replaces_id is None:
        return None
    earlier = db.session.get_one(Correction, current.replaces_id)
    return Wanted(earlier.outcome, earlier.reason, earlier.id, undoes=True, replaces=earlier.replaces_id)


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
    reason = checked_words(reason, lack=_("Enter a reason.") if outcome is not None else None)
    correction = Wanted(outcome, reason, restores) if outcome is not None else None
    return len(set_each(lecture, dict.fromkeys(person_ids, correction), by=by, at=at))


def set_each(
    lecture: Lecture, corrections: Mapping[int, Wanted | None], *, batch: str | None = None, by: Actor, at: datetime
) -> list[int]:
    """As `set_outcomes`, with what is wanted for each person; null removes the correction. `batch` is the public id of
    the batch that this is a part of. Returns for whom something changed."""
    if not_on_roster(lecture, corrections):
        raise NotFound
    held = corrections_in(lecture.id, corrections)
    changed = [person_id for person_id, one in corrections.items() if _differs(held.get(person_id), one)]
    if not changed:
        return []
    _withdraw_all(lecture.id, [one for one in changed if one in held], by=by, at=at)
    rows: list[dict[str, Any]] = [
        {
            "lecture_id": lecture.id,
            "person_id": person_id,
            "outcome": correction.outcome,
            "reason": correction.reason,
            "by_person_id": by.person_id,
            "made_at": at,
            "restores_id": correction.restores,
            "replaces_id": correction.replaces
            if correction.undoes
            else held[person_id].id
            if person_id in held
            else None,
        }
        for person_id in changed
        if (correction := corrections[person_id]) is not None
    ]
    insert_many(Correction.__table__, rows)
    _record(lecture.id, {one: corrections[one] for one in changed}, batch, by=by, at=at)
    credit_lecture(lecture.id, by=by, at=at, only=changed)
    return changed


def _differs(held: ByHand | None, correction: Wanted | None) -> bool:
    if correction is not None and correction.undoes:
        return True
    if held is None or correction is None:
        return (held is None) is not (correction is None)
    return (held.outcome, held.reason) != (correction.outcome, correction.reason)


def _record(
    lecture_id: int, changed: Mapping[int, Wanted | None], batch: str | None, *, by: Actor, at: datetime
) -> None:
    """Records what was set in the audit trail: one entry for each outcome."""
    by_outcome: dict[Outcome | None, list[int]] = {}
    for person_id, correction in changed.items():
        by_outcome.setdefault(correction.outcome if correction is not None else None, []).append(person_id)
    for outcome, people in by_outcome.items():
        verb = "attendance.correct" if outcome is not None else "attendance.withdraw_correction"
        detail = ({"outcome": outcome.value} if outcome is not None else {}) | ({"batch": batch} if batch else {})
        audit.record(verb, by=by, at=at, detail=detail, lecture=lecture_id, person=people)


def _withdraw_all(lecture_id: int, person_ids: Sequence[int], *, by: Actor, at: datetime) -> None:
    """Removes every current correction for these people, including those of rows merged into them."""
    for people in chunks(person_ids):
        in_force = select(Correction.id).where(
            Correction.lecture_id == lecture_id,
            Correction.withdrawn_at.is_(None),
            Correction.person_id.in_(rows_of(people)),
        )
        ids = read_column(in_force)
        db.session.execute(
            update(Correction)
            .where(among(Correction.id, ids))
            .values(withdrawn_at=at, withdrawn_by=by.person_id)
            .execution_options(synchronize_session="fetch")
        )
