"""Updates attendance when people are merged, unmerged or deleted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import String, cast, delete, literal, or_, select, update

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Correction, Credit
from lms.attendance.models.evidence import ReplayViewing
from lms.attendance.models.unmatched import UnmatchedAttendee
from lms.attendance.presence import lectures_with_evidence
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.people.models import Person, PersonEmail


@action
def recount_people(person_ids: Collection[int], *, by: Actor, at: datetime) -> None:
    """Recounts these people wherever they have evidence: evidence is read through a person's current identity."""
    hold_facts(alone=True)
    credited = select(Credit.lecture_id).where(Credit.person_id.in_(person_ids)).distinct()
    seen = lectures_with_evidence(Person.id.in_(person_ids))
    for lecture_id in sorted({*db.session.scalars(seen), *db.session.scalars(credited)}):
        credit_lecture(lecture_id, by=by, at=at, only=person_ids)


@action
def erase_evidence(person_id: int, *, by: Actor, at: datetime) -> None:  # noqa: ARG001 - as every action
    """Removes names, e-mail addresses, reasons and appeal texts from a deleted person's data. Intervals and credits
    stay, anonymous. An open appeal ends.
    """
    keys = select(PersonEmail.key).where(PersonEmail.person_id == person_id)
    db.session.execute(
        update(UnmatchedAttendee)
        .where(or_(UnmatchedAttendee.person_id == person_id, UnmatchedAttendee.key.in_(keys)))
        .values(name=None, email=None, key=literal("erased:", String) + cast(UnmatchedAttendee.id, String))
        .execution_options(synchronize_session=False)
    )
    db.session.execute(delete(ReplayViewing).where(ReplayViewing.person_id == person_id))
    db.session.execute(update(Correction).where(Correction.person_id == person_id).values(reason=""))
    erasing = update(Appeal).where(Appeal.person_id == person_id)
    db.session.execute(erasing.values(text="", joined_as="", answer="", said_from=None, said_to=None))
    waiting = erasing.where(Appeal.state == AppealState.OPEN)
    db.session.execute(waiting.values(state=AppealState.WITHDRAWN, ended_at=at))
