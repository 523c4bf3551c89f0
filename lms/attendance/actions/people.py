"""Attendance of people who are merged, unmerged or deleted, and of walk-ins, who attend without being enrolled.

The series' policy decides what happens to walk-ins.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import String, cast, delete, literal, or_, select, update

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Correction, Credit
from lms.attendance.models.evidence import ReplayViewing, UnmatchedAttendee
from lms.attendance.presence import lectures_with_evidence
from lms.catalogue.models import Lecture, WalkIns
from lms.catalogue.queries.policies import policy_for
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.text.i18n import _, _n
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.membership import eligible_people
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus
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


def take_walk_ins(
    lecture: Lecture, newly_seen: Sequence[int], *, by: Actor, at: datetime
) -> tuple[list[str], set[int]]:
    """Enrols walk-ins where the policy allows it. Returns what was done, and who is enrolled now."""
    staff = {person.id for person in (*lecture.instructors, *lecture.series.instructors)}
    eligible = eligible_people(lecture.id)
    strangers = [pid for pid in dict.fromkeys(newly_seen) if pid not in eligible and pid not in staff]
    if not strangers:
        return [], eligible
    if policy_for(lecture).walk_ins is WalkIns.IGNORE:
        note = _n(
            "%(num)s attendee is not enrolled and is kept as evidence only.",
            "%(num)s attendees are not enrolled and are kept as evidence only.",
            len(strangers),
        )
        return [note], eligible
    now = enrol_many(lecture.series_id, strangers, source=EnrolmentSource.WALK_IN, by=by, at=at)
    eligible.update(pid for pid in strangers if now.get(pid) is EnrolmentStatus.ENROLLED)
    stands = Counter(now.get(pid) for pid in strangers)
    enrolled = stands.pop(EnrolmentStatus.ENROLLED, 0)
    notes = []
    if enrolled:
        notes.append(
            _n(
                "%(num)s attendee was enrolled by this import.",
                "%(num)s attendees were enrolled by this import.",
                enrolled,
            )
        )
    left = sum(stands.values())
    if left:
        full = lecture.series.capacity is not None and stands[None] + stands[EnrolmentStatus.WAITLISTED] > 0
        reason = _("the series is full") if full else _("enrolment not active")
        notes.append(
            _n(
                "%(num)s attendee could not be enrolled and is kept as evidence only: %(reason)s.",
                "%(num)s attendees could not be enrolled and are kept as evidence only: %(reason)s.",
                left,
                reason=reason,
            )
        )
    return notes, eligible
