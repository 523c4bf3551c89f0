"""Reminders before a lecture: once, in the reader's zone, and never for another time; a second one by choice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions import reminders
from lms.attendance.actions.reminders import post_due_reminders
from lms.catalogue.actions.states import cancel_lecture, postpone_lecture
from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import chunks
from lms.core.database.session import db
from lms.enrolment.notices import tell_lecture
from lms.mail.kinds import MailKind
from lms.mail.outbox import OutboxMail
from lms.mail.sending import send_due
from lms.people.actions.mails import choose_mails
from lms.people.models import Person
from tests.factories import Make
from tests.queries import count_statements

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def series(make: Make) -> Series:
    return make.series("customs", "Digital customs")


def posted() -> list[tuple[str, str]]:
    """Template and address of each mail, and nothing of before is left."""
    query = select(OutboxMail.template, OutboxMail.address).order_by(OutboxMail.id)
    return [(template, address) for template, address in db.session.execute(query)]


def enrol_with_both(make: Make, series: Series, at: datetime, **fields: Any) -> None:
    """Enrols somebody who wants both reminders."""
    person = make.person(**fields)
    make.enrolment(series, person)
    choose_mails(person.id, {MailKind.REMINDER_HOUR: True}, by=SYSTEM, at=at)


def test_people_get_one_reminder_and_a_second_one_if_they_want_it(make: Make, series: Series, at: datetime) -> None:
    make.enrolment(series, make.person(email="one@example.org"))
    enrol_with_both(make, series, at, email="both@example.org")
    enrol_with_both(make, series, at, email="hour@example.org")
    hour = db.session.scalars(select(Person.id).order_by(Person.id.desc())).first()
    assert hour is not None
    choose_mails(hour, {MailKind.REMINDER: False}, by=SYSTEM, at=at, series_id=series.id)
    start = at + 25 * HOUR
    make.lecture(series, starts_at=start)
    for moment in (start - DAY, start - HOUR):
        post_due_reminders(at=moment)
    assert posted() == [
        ("reminder_day", "one@example.org"),
        ("reminder_day", "both@example.org"),
        ("reminder_hour", "both@example.org"),
        ("reminder_hour", "hour@example.org"),
    ]


def test_enrolled_people_are_reminded_a_day_and_an_hour_before(make: Make, series: Series, at: datetime) -> None:
    enrol_with_both(make, series, at, email="one@example.org", time_zone="Africa/Nairobi")
    make.enrolment(series, make.person(email="left@example.org"), status="withdrawn")
    start = at + 25 * HOUR
    make.lecture(series, "Rules of origin", starts_at=start)
    assert post_due_reminders(at=start - 24 * HOUR - MINUTE) == 0
    for moment in (start - 24 * HOUR, start - 13 * HOUR, start - 2 * HOUR):
        post_due_reminders(at=moment)
    assert posted() == [("reminder_day", "one@example.org")]
    enrol_with_both(make, series, at, email="two@example.org")
    for moment in (start - HOUR, start - MINUTE, start, start + MINUTE):
        post_due_reminders(at=moment)
    assert posted()[1:] == [("reminder_hour", "one@example.org"), ("reminder_hour", "two@example.org")]
    day, hour, _other = db.session.scalars(select(OutboxMail).order_by(OutboxMail.id))
    assert (day.kind, day.series_id, day.time_zone) == ("reminder", series.id, "Africa/Nairobi")
    assert (day.expires_at, hour.expires_at) == (start - HOUR, start), "nothing late for what is past"
    assert hour.payload["needed"] == 54


@pytest.mark.parametrize(
    ("minutes", "templates"), [(40, ["reminder_hour"]), (600, []), (720, []), (721, ["reminder_day"])]
)
def test_a_lecture_on_short_notice_has_the_later_reminder_only(
    make: Make, series: Series, at: datetime, minutes: int, templates: list[str]
) -> None:
    enrol_with_both(make, series, at)
    make.lecture(series, starts_at=at + minutes * MINUTE)
    for _time in range(2):
        post_due_reminders(at=at)
    assert [template for template, _address in posted()] == templates


def test_who_declines_reminders_gets_none(make: Make, series: Series, at: datetime) -> None:
    no, yes = make.person(email="no@example.org"), make.person(email="yes@example.org")
    for person in (no, yes):
        make.enrolment(series, person)
    choose_mails(no.id, {MailKind.REMINDER: False}, by=SYSTEM, at=at, series_id=series.id)
    make.lecture(series, starts_at=at + DAY)
    post_due_reminders(at=at)
    assert posted() == [("reminder_day", "yes@example.org")]


@pytest.mark.parametrize("state", ["draft", "live", "held", "cancelled", "postponed"])
def test_only_planned_lectures_have_reminders(make: Make, series: Series, at: datetime, state: str) -> None:
    make.enrolment(series, make.person())
    make.lecture(series, starts_at=at + HOUR, state=state)
    make.lecture(make.series(visibility="draft"), starts_at=at + HOUR)
    assert post_due_reminders(at=at) == 0


def test_a_moved_lecture_is_reminded_of_at_its_new_time_and_not_at_the_old(
    make: Make, series: Series, at: datetime
) -> None:
    enrol_with_both(make, series, at, email="one@example.org")
    lecture = make.lecture(series, starts_at=at + HOUR, local_start=datetime(2026, 11, 25, 5, 0))  # noqa: DTZ001
    post_due_reminders(at=at)
    new = datetime(2026, 11, 26, 5, 0)  # noqa: DTZ001 - local time, as it is planned
    postpone_lecture(lecture.id, local_start=new, by=SYSTEM, at=at + MINUTE)
    assert [one for one, _address in posted() if one.startswith("reminder")] == [], "what has not left is taken back"
    post_due_reminders(at=at + 2 * HOUR)
    post_due_reminders(at=at + 24 * HOUR + 30 * MINUTE)
    query = select(OutboxMail).where(OutboxMail.template.startswith("reminder")).order_by(OutboxMail.id)
    found = [(mail.template, mail.payload["starts_at"]) for mail in db.session.scalars(query)]
    assert found == [(f"reminder_{lead}", "2026-11-26T02:00:00+00:00") for lead in ("day", "hour")]


def test_a_reminder_that_left_is_not_sent_again_when_the_lecture_moves_back(
    make: Make, series: Series, at: datetime
) -> None:
    enrol_with_both(make, series, at)
    first = datetime(2026, 11, 25, 5, 0)  # noqa: DTZ001 - local time, as it is planned
    lecture = make.lecture(series, starts_at=at + HOUR, local_start=first)
    post_due_reminders(at=at)
    while send_due(lambda _mail: None, at=at):
        pass
    postpone_lecture(lecture.id, local_start=first + timedelta(days=3), by=SYSTEM, at=at + MINUTE)
    postpone_lecture(lecture.id, local_start=first, by=SYSTEM, at=at + 2 * MINUTE)
    post_due_reminders(at=at + 3 * MINUTE)
    assert [one for one, _address in posted()].count("reminder_hour") == 1


def test_a_cancelled_lecture_takes_its_reminders_back(make: Make, series: Series, at: datetime) -> None:
    enrol_with_both(make, series, at)
    lecture = make.lecture(series, starts_at=at + HOUR)
    post_due_reminders(at=at)
    cancel_lecture(lecture.id, reason="ill", by=SYSTEM, at=at)
    post_due_reminders(at=at)
    assert [one for one, _address in posted()] == ["lecture_cancelled"]


def test_reminders_are_posted_with_as_many_statements_for_many_people_as_for_few(make: Make, at: datetime) -> None:
    def post(people: int) -> int:
        series = make.series()
        for _number in range(people):
            make.enrolment(series, make.person())
        make.lecture(series, starts_at=at + DAY)
        return count_statements(lambda: post_due_reminders(at=at))

    post(1)  # what is read once a process
    assert post(2) == post(10)


def test_what_was_broken_off_is_begun_again_and_reminds_nobody_twice(
    make: Make, series: Series, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "POST_AT_ONCE", 1)
    for number in range(3):
        make.enrolment(series, make.person(email=f"{number}@example.org"))
    make.lecture(series, starts_at=at + DAY)
    steps = iter([True, False])

    def tell(*args: Any, **options: Any) -> None:
        if not next(steps, True):
            raise OSError("the worker ends here")
        tell_lecture(*args, **options)

    monkeypatch.setattr(reminders, "tell_lecture", tell)
    with pytest.raises(OSError, match="ends here"):
        post_due_reminders(at=at)
    assert posted() == [("reminder_day", "0@example.org")]
    db.session.rollback()
    assert post_due_reminders(at=at) == 1
    assert posted() == [("reminder_day", f"{number}@example.org") for number in range(3)]
    db.session.rollback()
    assert post_due_reminders(at=at) == 0


@pytest.mark.databases(differs=True)
def test_a_lecture_that_is_moved_meanwhile_is_reminded_of_no_more(
    make: Make, series: Series, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "POST_AT_ONCE", 1)
    for number in range(3):
        enrol_with_both(make, series, at, email=f"{number}@example.org")
    lecture = make.lecture(series, starts_at=at + HOUR, local_start=datetime(2026, 11, 25, 5, 0))  # noqa: DTZ001
    lecture_id = lecture.id

    def chunked(people: list[int], size: int) -> Iterator[list[int]]:
        for number, some in enumerate(chunks(people, size)):
            if number == 1:
                new = datetime(2026, 11, 26, 5, 0)  # noqa: DTZ001 - local time, as it is planned
                postpone_lecture(lecture_id, local_start=new, by=SYSTEM, at=at)
            yield some

    monkeypatch.setattr(reminders, "chunks", chunked)
    assert post_due_reminders(at=at) == 0
    assert {template for template, _address in posted()} == {"lecture_postponed"}
