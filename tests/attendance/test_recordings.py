"""When a held lecture gets its recording, those who missed it are told, once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.models import Policy
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.mail.outbox import OutboxMail
from lms.people.models import Person
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
LINK = {"recording_url": "https://video.example.org/1"}


def told() -> dict[str, bool]:
    mails = db.session.scalars(select(OutboxMail).where(OutboxMail.template == "replay_open"))
    return {mail.address: mail.payload["was_there"] for mail in mails}


def test_who_missed_a_lecture_or_a_part_of_it_hears_of_its_recording_once(make: Make, at: datetime) -> None:
    series = make.series()
    policy_id = db.session.scalars(select(Policy.id)).one()
    start = at - timedelta(hours=3)
    lecture = make.lecture(series, state="held", starts_at=start, actual_start=start, policy_id=policy_id,
                           actual_end=start + timedelta(minutes=90))  # fmt: skip
    people: dict[str, Person] = {}
    for name in ("attended", "partial", "absent", "excused", "nothing"):
        people[name] = make.person(email=f"{name}@example.org")
        make.enrolment(series, people[name])
    make.person(email="stranger@example.org")

    @action
    def credit() -> None:
        for outcome in Outcome:
            db.session.add(
                Credit(lecture_id=lecture.id, person_id=people[outcome].id, outcome=outcome, present_ms=0,
                       percent_tenths=0, source=Source.LIVE, policy_id=policy_id, computed_at=at)
            )  # fmt: skip

    credit()
    edit_lecture(lecture.id, {"title": "Another title"}, by=SYSTEM, at=at)
    assert told() == {}
    edit_lecture(lecture.id, LINK, by=SYSTEM, at=at)
    expected = {"partial@example.org": True, "absent@example.org": False, "nothing@example.org": False}
    assert told() == expected
    for link in (None, "https://video.example.org/2"):
        edit_lecture(lecture.id, {"recording_url": link}, by=SYSTEM, at=at + timedelta(hours=1))
    assert told() == expected


def test_nobody_is_told_of_a_recording_before_the_lecture(make: Make, at: datetime) -> None:
    lecture = make.lecture()
    make.enrolment(lecture.series, make.person())
    edit_lecture(lecture.id, LINK, by=SYSTEM, at=at)
    assert told() == {}
