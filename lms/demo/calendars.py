"""Calendars of the demonstration: invitations that are out, a lecture that was moved and moved back, and a feed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from lms.catalogue.actions.states import postpone_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.core.db import db
from lms.core.roles import SYSTEM
from lms.demo.follow_up import actor_of
from lms.demo.mails import keep_as_sent
from lms.enrolment.actions.calendars import make_address, note_reading
from lms.enrolment.invitations import invite_due

_INVITED, _MOVED, _BACK, _READ = timedelta(days=-2), timedelta(days=-1), timedelta(hours=-20), timedelta(hours=-3)


def take_in(address: str, *, now: datetime) -> None:
    """Invites the enrolled to the lectures that are near; moves the last of them by a day and back again, each with its
    e-mails; and gives somebody a private calendar address that a program reads. E-mails are sent to nobody."""
    invite_due(at=now + _INVITED)
    invited = select(Lecture).where(Lecture.invited_at.is_not(None), Lecture.state == LectureState.SCHEDULED)
    lecture = db.session.scalars(invited.order_by(Lecture.starts_at.desc(), Lecture.id).limit(1)).one_or_none()
    if lecture is not None and lecture.local_start is not None:
        lecture_id, planned = lecture.id, lecture.local_start
        postpone_lecture(lecture_id, local_start=planned + timedelta(days=1), by=SYSTEM, at=now + _MOVED)
        postpone_lecture(lecture_id, local_start=planned, by=SYSTEM, at=now + _BACK)
    keep_as_sent(now + _BACK)
    secret = make_address(by=actor_of(address, now), at=now + _INVITED)
    note_reading(secret, "Google Calendar", at=now + _READ)
