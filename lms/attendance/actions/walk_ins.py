"""Walk-ins: people who attend without being enrolled. The series' policy decides what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from lms.catalogue.models import Lecture, WalkIns
from lms.catalogue.queries.policies import policy_for
from lms.core.base.roles import Actor
from lms.core.text.i18n import _, _n
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.membership import eligible_people
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus


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
