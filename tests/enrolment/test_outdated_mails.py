"""What is no longer so when a mail is due is not sent: nothing late, nothing wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from lms.attendance.actions.reminders import post_due_reminders
from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.enrolment.actions.places import withdraw
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail.outbox import MailState, OutboxMail, post_mail
from lms.mail.reasons import MailReason
from lms.mail.sending import send_due
from lms.people.actions.merging import merge_people
from lms.people.models import Person
from tests.factories import Make
from tests.queries import count_statements

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
DAY = timedelta(days=1)


@pytest.fixture
def series(make: Make) -> Series:
    return make.series("customs", "Digital customs")


@pytest.fixture
def reader(make: Make, series: Series) -> Person:
    person = make.person(email="ada@example.org")
    make.enrolment(series, person)
    return person


def drained(at: datetime) -> list[str]:
    """The templates of the mails that leave."""
    sent: list[str] = []
    while send_due(lambda mail: sent.append(mail.template), at=at):
        pass
    return sent


def left() -> list[tuple[str, str | None]]:
    db.session.rollback()
    query = select(OutboxMail.state, OutboxMail.reason).where(OutboxMail.template.startswith("reminder"))
    return [(state, reason) for state, reason in db.session.execute(query)]


@action
def change(lecture_id: int, **values: object) -> None:
    """Changes a lecture behind the back of everything that takes mails back."""
    lecture = db.session.get_one(Lecture, lecture_id)
    for name, value in values.items():
        setattr(lecture, name, value)


def reminded(make: Make, series: Series, at: datetime) -> int:
    lecture = make.lecture(series, "Rules of origin", starts_at=at + DAY)
    lecture_id = lecture.id
    assert post_due_reminders(at=at) == 1
    return lecture_id


def test_a_reminder_of_what_is_still_so_leaves(make: Make, series: Series, reader: Person, at: datetime) -> None:
    reminded(make, series, at)
    assert drained(at) == ["reminder_day"]


@pytest.mark.databases(differs=True)
def test_who_withdrew_since_is_not_reminded(make: Make, series: Series, reader: Person, at: datetime) -> None:
    other = make.person(email="eve@example.org")
    make.enrolment(series, other)
    reminded(make, series, at)
    withdraw(series.id, reader.id, by=make.actor(reader), at=at)
    assert drained(at).count("reminder_day") == 1
    assert sorted(left()) == [(MailState.EXPIRED, MailReason.OUTDATED), (MailState.SENT, None)]


@pytest.mark.parametrize(
    "changes",
    [
        lambda at: {"state": LectureState.CANCELLED},
        lambda at: {"state": LectureState.POSTPONED},
        lambda at: {"starts_at": at + 2 * DAY},
    ],
    ids=["cancelled", "postponed", "moved"],
)
def test_nobody_is_reminded_of_a_lecture_that_is_off_or_at_another_time(
    make: Make, series: Series, reader: Person, at: datetime, changes: Callable[[datetime], dict[str, object]]
) -> None:
    lecture_id = reminded(make, series, at)
    change(lecture_id, **changes(at))
    assert drained(at) == []
    assert left() == [(MailState.EXPIRED, MailReason.OUTDATED)]


def test_a_reader_whose_record_was_merged_is_reminded(make: Make, series: Series, reader: Person, at: datetime) -> None:
    reminded(make, series, at)
    kept = make.person(email="kept@example.org")
    merge_people(kept.public_id, reader.public_id, by=SYSTEM, at=at)
    assert "reminder_day" in drained(at)


def posted(template: str, series: Series, reader: Person, payload: dict[str, object], at: datetime) -> None:
    @action
    def post() -> None:
        post_mail(
            template, address="ada@example.org", payload=payload, dedupe_key=f"{template}-1", at=at,
            person_id=reader.id, series_id=series.id,
        )  # fmt: skip

    post()


@pytest.mark.parametrize("template", ["message", "enrolment_place_won"])
def test_who_withdrew_gets_no_news_for_members(
    make: Make, series: Series, reader: Person, at: datetime, template: str
) -> None:
    posted(template, series, reader, {"message_id": 1, "full_name": "Ada"}, at)

    @action
    def leave() -> None:
        row = db.session.scalars(select(Enrolment).where(Enrolment.person_id == reader.id)).one()
        row.status = EnrolmentStatus.WITHDRAWN

    leave()
    assert drained(at) == []


def test_a_recording_that_was_removed_is_not_announced(
    make: Make, series: Series, reader: Person, at: datetime
) -> None:
    lecture = make.lecture(series, "Rules of origin", state="held", starts_at=at - DAY)
    change(lecture.id, recording_url="https://videos.example/1")
    posted("replay_open", series, reader, {"lecture_id": lecture.id}, at)
    change(lecture.id, recording_url=None)
    assert drained(at) == []
    change(lecture.id, recording_url="https://videos.example/1")
    db.session.query(OutboxMail).delete()
    db.session.commit()
    posted("replay_open", series, reader, {"lecture_id": lecture.id}, at)
    assert drained(at) == ["replay_open"]


def test_many_are_asked_about_with_as_many_statements_as_few(
    make: Make, series: Series, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was sent is marked in one transaction at the end
    monkeypatch.setattr("lms.mail.sending.MARK_AFTER", 100)
    monkeypatch.setattr("lms.mail.sending.MARK_SECONDS", 3600)

    def statements(people: int) -> int:
        for number in range(people):
            make.enrolment(series, make.person(email=f"{people}-{number}@example.org"))
        reminded(make, series, at)
        return count_statements(lambda: send_due(lambda mail: None, at=at))

    assert statements(2) == statements(20)
