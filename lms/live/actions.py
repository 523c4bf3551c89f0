"""Joining a lecture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lms.attendance.actions.joins import open_join
from lms.catalogue.queries.lectures import get_lecture_to_join
from lms.core.db import action
from lms.core.errors import Forbidden, Invalid
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.enrolment.actions.places import share_profile
from lms.enrolment.queries.rows import find_enrolment
from lms.live.rules import check_can_join
from lms.people.queries.persons import find_person_id


@dataclass(frozen=True)
class Joined:
    """One page or app that takes part: its join, how often it says that it is there, where the meeting is."""

    join_id: int
    beat_seconds: int
    join_url: str | None


@action
def join_lecture(
    lecture_id: int, *, email: str | None = None, is_demonstration: bool = False, by: Actor, at: datetime
) -> Joined:
    """Takes part in a lecture from now on; each page joins for itself.

    `email` names another person: an administrator may do that in a demonstration. Forbidden for who is not
    enrolled; Refused while the room is not open.
    """
    lecture, join_url = get_lecture_to_join(lecture_id, by=by)
    person_id = by.person_id
    if email is not None:
        if not (by.is_administrator and is_demonstration):
            raise Forbidden(_("Administrators can join for other people only in a demonstration."))
        person_id = find_person_id(email)
        if person_id is None:
            raise Invalid("email", _("Nobody is known by this address."))
    enrolment = find_enrolment(lecture.series_id, person_id) if person_id is not None else None
    check_can_join(lecture, enrolment, at)
    assert person_id is not None
    if enrolment is not None and person_id == by.person_id:
        share_profile(enrolment, at=at)
    join = open_join(lecture_id, person_id, by=by, at=at)
    return Joined(join.id, join.beat_seconds, join_url)
