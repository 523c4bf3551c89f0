"""The additions to mails about places and lectures: the invitation for the reader's calendar.

It has the state when the mail is sent, for its reader: the latest mail to arrive is right, even after delays and
repeats.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Flask

from lms.catalogue.calendar import PROGRAMS, Attendee, invitation, publisher, series_calendar
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import find_lecture, planned_before
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.notices import lectures_to_come
from lms.enrolment.outdated_mails import OF_MEMBERS, outdated
from lms.enrolment.queries.rows import find_enrolment
from lms.mail import rendering
from lms.mail.stops import register_outdated
from lms.people.queries.persons import canonical

WITH_INVITATION = (
    "enrolment_withdrawn",
    "lecture_invitation",
    "lecture_left",
    "lecture_cancelled",
    "lecture_postponed",
)
WITH_ALL_LECTURES = ("enrolment_enrolled", "enrolment_place_won")


def init_app(app: Flask) -> None:
    """Has these mails prepared, and those that are no longer so not sent; tells templates which calendars there are."""
    app.jinja_env.globals["calendar_programs"] = PROGRAMS
    for template in WITH_INVITATION:
        rendering.register(app, template, with_invitation)
    for template in WITH_ALL_LECTURES:
        rendering.register(app, template, with_all_lectures)
    register_outdated(app, OF_MEMBERS, outdated)


def with_invitation(payload: Mapping[str, Any]) -> rendering.More:
    """The invitation to the lecture that `invites_to` names, for the person whom the mail is for, as it is now."""
    lecture = _lecture_of(payload.get("invites_to"))
    if lecture is None:
        return rendering.More({"has_calendar": False})
    is_enrolled, attendee = _attendee_of(lecture.series_id, payload)
    file = invitation(
        lecture, attendee, is_invited=is_enrolled, by=publisher(), at=clock.now(), was=planned_before(lecture)
    )
    calendar = rendering.Attachment("invitation.ics", "text/calendar", file.content, {"method": file.method})
    return rendering.More({"has_calendar": True}, invitation=calendar)


def with_all_lectures(payload: Mapping[str, Any]) -> rendering.More:
    """As `with_invitation`, and the dates of all lectures to come, in the text and as a file."""
    more = with_invitation(payload)
    words: dict[str, Any] = {**more.words, "lectures": [], "has_file": False}
    following = _lecture_of(payload.get("lecture_id"))
    if following is None:
        return replace(more, words=words)
    is_enrolled, attendee = _attendee_of(following.series_id, payload)
    lectures = lectures_to_come(following.series_id, clock.now()) if is_enrolled else []
    if len(lectures) > 1:
        words["lectures"] = [{"title": reader_text(lecture), "starts_at": lecture.starts_at} for lecture in lectures]
    if not lectures or (len(lectures) == 1 and more.invitation is not None):
        return replace(more, words=words)
    words["has_file"] = True
    file = series_calendar(lectures, changes=attendee.changes, by=publisher(), at=clock.now())
    return replace(
        more, words=words, attachments=(rendering.Attachment("lectures.ics", "application/ics", file.content),)
    )


def _lecture_of(lecture_id: Any) -> Lecture | None:
    """The lecture, unless it is a draft."""
    lecture = find_lecture(int(lecture_id)) if lecture_id else None
    return None if lecture is None or lecture.state is LectureState.DRAFT else lecture


def _attendee_of(series_id: int, payload: Mapping[str, Any]) -> tuple[bool, Attendee]:
    """Whether the reader has a place, and the reader as an attendee."""
    person_id = payload["to_person_id"]
    row = find_enrolment(series_id, canonical(person_id)) if person_id is not None else None
    changes = row.calendar_changes if row is not None else 0
    attendee = Attendee(payload["to_address"], str(payload.get("full_name", "")), changes)
    return row is not None and row.status is EnrolmentStatus.ENROLLED, attendee
