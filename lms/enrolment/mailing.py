"""What mails of places and of lectures carry beside their text: the invitation for the reader's calendar.

It says what holds when the mail is sent, for its reader: whatever is late, repeated or overtaken, the last one that
arrives is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from lms.catalogue.calendar import PROGRAMS, Attendee, invitation, publisher
from lms.catalogue.models import LectureState
from lms.catalogue.queries.lectures import find_lecture, planned_before
from lms.core import clock
from lms.core.mail_stops import register_outdated
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.outdated_mails import OF_MEMBERS, outdated
from lms.enrolment.queries.rows import find_enrolment
from lms.people.queries.persons import canonical
from lms.web import mail

WITH_INVITATION = (
    "enrolment_enrolled",
    "enrolment_place_won",
    "enrolment_withdrawn",
    "lecture_invitation",
    "lecture_left",
    "lecture_cancelled",
    "lecture_postponed",
)


def init_app(app: Flask) -> None:
    """Has these mails prepared, and those that are no longer so not sent; tells templates which calendars there are."""
    app.jinja_env.globals["calendar_programs"] = PROGRAMS
    for template in WITH_INVITATION:
        mail.register(app, template, with_invitation)
    register_outdated(app, OF_MEMBERS, outdated)


def with_invitation(payload: Mapping[str, Any]) -> mail.More:
    """The invitation to the lecture that `invites_to` names, for the person whom the mail is for, as it is now."""
    lecture_id = payload.get("invites_to")
    lecture = find_lecture(int(lecture_id)) if lecture_id else None
    if lecture is None or lecture.state is LectureState.DRAFT:
        return mail.More({"has_calendar": False})
    person_id = payload["to_person_id"]
    row = find_enrolment(lecture.series_id, canonical(person_id)) if person_id is not None else None
    attendee = Attendee(
        payload["to_address"], str(payload.get("full_name", "")), row.calendar_changes if row is not None else 0
    )
    file = invitation(
        lecture,
        attendee,
        is_invited=row is not None and row.status is EnrolmentStatus.ENROLLED,
        by=publisher(),
        at=clock.now(),
        was=planned_before(lecture),
    )
    calendar = mail.Attachment("invitation.ics", "text/calendar", file.content, {"method": file.method})
    return mail.More({"has_calendar": True}, invitation=calendar)
