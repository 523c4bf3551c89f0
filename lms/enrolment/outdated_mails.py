"""Which mails about lectures are no longer so when they are due: nobody is reminded of what they left, or of another
time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureState
from lms.core.database.bulk import among
from lms.core.database.session import read
from lms.enrolment.membership import enrolled_among
from lms.mail.outbox import OutboxMail

_REMINDERS = ("reminder_day", "reminder_hour")
_OF_TIME = (*_REMINDERS, "lecture_invitation")
"""They name a time, which a later mail corrects."""
_OF_LECTURE = (*_OF_TIME, "replay_open")
OF_MEMBERS = (*_OF_LECTURE, "enrolment_place_won", "message", "requirement_grown")
"""They are for people who are enrolled."""
_COMING = (LectureState.SCHEDULED, LectureState.LIVE)


def outdated(mails: Sequence[OutboxMail]) -> set[int]:
    """Those that are for people who have withdrawn, about a lecture at another time or at none, or about a recording
    that was removed: two statements."""
    people = {mail.person_id for mail in mails if mail.person_id is not None}
    members = enrolled_among(people, {mail.series_id for mail in mails})
    lectures = _lectures([mail.payload for mail in mails if mail.template in _OF_LECTURE])
    return {
        mail.id
        for mail in mails
        if (mail.person_id, mail.series_id) not in members or not _holds(mail, lectures.get(_lecture_of(mail.payload)))
    }


def _lectures(payloads: Sequence[Mapping[str, Any]]) -> dict[int, Any]:
    if not payloads:
        return {}
    columns = (Lecture.id, Lecture.state, Lecture.starts_at, Lecture.recording_url)
    rows = read(select(*columns).where(among(Lecture.id, {_lecture_of(payload) for payload in payloads})))
    return {row.id: row for row in rows}


def _lecture_of(payload: Mapping[str, Any]) -> int:
    return int(payload.get("lecture_id") or 0)


def _holds(mail: OutboxMail, lecture: Any) -> bool:
    if mail.template not in _OF_LECTURE:
        return True
    if lecture is None:
        return False
    if mail.template == "replay_open":  # of a recording in the room, its slice says whether it is there
        return lecture.recording_url is not None or bool(mail.payload.get("in_room"))
    announced = mail.payload.get("starts_at")
    is_same = lecture.starts_at == (datetime.fromisoformat(announced) if announced else None)
    return lecture.state in _COMING and is_same
