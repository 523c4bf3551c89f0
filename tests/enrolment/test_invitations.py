"""Invitations by e-mail, and what another calendar program makes of the whole chain of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.actions.states import cancel_lecture, postpone_lecture
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.invitations import invite_due
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.rendering import render
from tests.enrolment.conftest import Cast, Sent
from tests.icalendars import calendar_of, files_of, fold
from tests.mail_sink import Sink, drain, running_sink

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
DAY = timedelta(days=1)


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


@pytest.fixture(autouse=True)
def _begin_at_the_same_moment(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """An e-mail names the lectures to come of when it is written."""
    monkeypatch.setattr(clock, "now", lambda: at)


@pytest.fixture
def sink(app: APIFlask) -> Iterator[Sink]:
    with running_sink(app) as kept:
        yield kept


class Post:
    """What a mail server delivers to one person, sent whenever one looks."""

    def __init__(self, sink: Sink, name: str) -> None:
        self.sink, self.address, self.seen = sink, f"{name.casefold()}@people.test", 0
        self.calendars: list[tuple[str, bytes]] = []

    def arrive(self) -> list[str]:
        """What came since the last time: each mail's template, and what its calendar asks for."""
        due = db.session.scalar(select(func.max(OutboxMail.due_at)).where(OutboxMail.state == MailState.QUEUED))
        while due is not None and drain(due):
            pass
        own = [message for message in self.sink.messages if message["To"] == self.address]
        told = []
        for message in own[self.seen :]:
            row = db.session.get_one(OutboxMail, int(message["Message-ID"][1:].partition(".")[0]))
            found = calendar_of(message)
            self.calendars += [found] if found is not None else []
            self.calendars += [("PUBLISH", content) for content in files_of(message)]
            told.append(f"{row.template} {found[0] if found is not None else '-'}")
        self.seen = len(own)
        return told

    def calendar(self) -> list[dict[str, Any]]:
        return fold(self.calendars)


def test_a_lecture_postponed_twice_and_cancelled_is_gone_in_the_end(sink: Sink, cast: Cast, at: datetime) -> None:
    series, lecture = cast.series(), cast.lecture(title="Rules of origin")
    amina = cast.person("Amina")
    post = Post(sink, "Amina")
    invite_due(at=at)
    enrol(series.id, own(amina), by=amina, at=at)
    assert post.arrive() == ["enrolment_enrolled REQUEST"]
    [event] = post.calendar()
    assert event["isShown"]
    assert event["attendees"] == [["mailto:amina@people.test", "ACCEPTED", "FALSE"]]
    assert event["start"] == datetime(2026, 12, 2, 6, tzinfo=UTC).timestamp()
    assert event["end"] - event["start"] == 90 * 60
    new = datetime(2026, 12, 9, 10, 30)  # noqa: DTZ001 - local time
    postpone_lecture(lecture.id, local_start=new, by=SYSTEM, at=at)
    assert post.arrive() == ["lecture_postponed REQUEST"]
    [event] = post.calendar()
    assert (event["isShown"], event["start"]) == (True, datetime(2026, 12, 9, 7, 30, tzinfo=UTC).timestamp())
    postpone_lecture(lecture.id, by=SYSTEM, at=at)
    assert post.arrive() == ["lecture_postponed CANCEL"]
    [event] = post.calendar()
    assert (event["isShown"], event["status"]) == (False, "CANCELLED")
    assert event["start"] == datetime(2026, 12, 9, 7, 30, tzinfo=UTC).timestamp()  # Outlook finds no event without it
    postpone_lecture(lecture.id, local_start=new + DAY, by=SYSTEM, at=at)
    assert post.arrive() == ["lecture_postponed REQUEST"]
    [event] = post.calendar()
    assert (event["isShown"], event["start"]) == (True, datetime(2026, 12, 10, 7, 30, tzinfo=UTC).timestamp())
    edit_lecture(lecture.id, {"duration_minutes": 120}, by=SYSTEM, at=at)
    assert post.arrive() == ["lecture_postponed REQUEST"]
    [event] = post.calendar()
    assert event["end"] - event["start"] == 120 * 60
    cancel_lecture(lecture.id, reason="The lecturer is ill.", by=SYSTEM, at=at)
    assert post.arrive() == ["lecture_cancelled CANCEL"]
    [event] = post.calendar()
    assert (event["isShown"], event["status"]) == (False, "CANCELLED")
    assert len({content.partition(b"UID:")[2].partition(b"\r\n")[0] for _method, content in post.calendars}) == 1


def test_who_withdraws_and_comes_back_has_the_lectures_again(sink: Sink, cast: Cast, at: datetime) -> None:
    series = cast.series()
    for days in (7, 8, 30):
        cast.lecture(days=days)
    amina, boris = cast.person("Amina"), cast.person("Boris")
    post, other = Post(sink, "Amina"), Post(sink, "Boris")
    invite_due(at=at)
    for person in (amina, boris):
        enrol(series.id, own(person), by=person, at=at)
    assert post.arrive() == ["enrolment_enrolled REQUEST"]
    assert [one["isShown"] for one in post.calendar()] == [True, True, True]
    withdraw(series.id, own(amina), by=amina, at=at + DAY)
    assert post.arrive() == ["enrolment_withdrawn CANCEL", "lecture_left CANCEL"]
    assert all(b"STATUS:" not in content for method, content in post.calendars if method == "CANCEL")
    assert [one["isShown"] for one in post.calendar()] == [False, False, True], "the third was only in the file"
    enrol(series.id, own(amina), by=amina, at=at + 2 * DAY)
    assert post.arrive() == ["enrolment_enrolled REQUEST"]
    assert [(one["isShown"], one["sequence"]) for one in post.calendar()] == [(True, 2)] * 3
    other.arrive()
    assert [(one["isShown"], one["sequence"]) for one in other.calendar()] == [(True, 0)] * 3


def test_one_mail_has_the_dates_of_all_lectures_and_a_file_of_them(sink: Sink, cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    for days, title in ((30, "Rules of origin"), (45, "Valuation")):
        cast.lecture(days=days, title=title)
    amina, boris = cast.person("Amina", time_zone="Asia/Tokyo"), cast.person("Boris")
    first, second = Post(sink, "Amina"), Post(sink, "Boris")
    for person in (amina, boris):
        enrol(series.id, own(person), by=person, at=at)
    assert first.arrive() == ["enrolment_enrolled -"]
    text = sink.messages[0].get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
    assert "  Friday 25 December 2026, 15:00 (Tokyo time): Rules of origin\n  Saturday 9 January 2027, 15:00" in text
    assert "open the attached file “lectures.ics”" in text
    assert [event["summary"] for event in first.calendar()] == ["Rules of origin", "Valuation"]
    withdraw(series.id, own(amina), by=amina, at=at + DAY)
    assert second.arrive() == ["enrolment_waitlisted -", "enrolment_place_won -"]
    assert len(second.calendar()) == 2


def test_in_the_chain_the_withdrawal_of_one_person_is_for_her_alone(sink: Sink, cast: Cast, at: datetime) -> None:
    series, lecture = cast.series(), cast.lecture(title="Rules of origin")
    amina, boris = cast.person("Amina"), cast.person("Boris")
    hers, his = Post(sink, "Amina"), Post(sink, "Boris")
    invite_due(at=at)
    for person in (amina, boris):
        enrol(series.id, own(person), by=person, at=at)
    first, second = datetime(2026, 12, 9, 10, 30), datetime(2026, 12, 16, 8, 0)  # noqa: DTZ001 - local time
    postpone_lecture(lecture.id, local_start=first, by=SYSTEM, at=at)
    assert hers.arrive() == his.arrive() == ["enrolment_enrolled REQUEST", "lecture_postponed REQUEST"]
    withdraw(series.id, own(amina), by=amina, at=at + DAY)
    assert (hers.arrive(), his.arrive()) == (["enrolment_withdrawn CANCEL"], [])
    method, content = hers.calendars[-1]
    assert (method, b"STATUS:CANCELLED" in content) == ("CANCEL", False), "it takes place, without her"
    assert re.findall(rb"mailto:\S+?@people\.test", content.replace(b"\r\n ", b"")) == [b"mailto:amina@people.test"]
    postpone_lecture(lecture.id, local_start=second, by=SYSTEM, at=at + DAY)
    assert (hers.arrive(), his.arrive()) == ([], ["lecture_postponed REQUEST"])
    [gone], [kept] = hers.calendar(), his.calendar()
    assert (gone["isShown"], kept["isShown"]) == (False, True)
    assert kept["start"] == datetime(2026, 12, 16, 5, tzinfo=UTC).timestamp()
    cancel_lecture(lecture.id, reason="The lecturer is ill.", by=SYSTEM, at=at + 2 * DAY)
    assert (hers.arrive(), his.arrive()) == ([], ["lecture_cancelled CANCEL"])
    [kept] = his.calendar()
    assert (kept["isShown"], kept["status"]) == (False, "CANCELLED")


def test_a_late_mail_never_brings_back_what_is_off(sink: Sink, cast: Cast, at: datetime) -> None:
    series, lecture, amina = cast.series(), cast.lecture(), cast.person("Amina")
    invite_due(at=at)
    enrol(series.id, own(amina), by=amina, at=at)
    postpone_lecture(lecture.id, local_start=datetime(2026, 12, 9, 10, 30), by=SYSTEM, at=at)  # noqa: DTZ001
    withdraw(series.id, own(amina), by=amina, at=at)
    assert Post(sink, "Amina").arrive() == [
        "enrolment_enrolled CANCEL", "lecture_postponed CANCEL", "enrolment_withdrawn CANCEL"
    ]  # fmt: skip


@pytest.mark.databases(differs=True)
def test_the_enrolled_are_invited_two_weeks_before_and_once(
    app: APIFlask, cast: Cast, at: datetime, sent: Sent
) -> None:
    series = cast.series()
    lecture, amina = cast.lecture(days=30, title="Rules of origin"), cast.person("Amina")
    enrol(series.id, own(amina), by=amina, at=at)
    assert invite_due(at=at) == 0
    assert [invite_due(at=at + 16 * DAY + timedelta(hours=5)) for _twice in range(2)] == [1, 0]
    assert sent() == [("enrolment_enrolled", "amina@people.test"), ("lecture_invitation", "amina@people.test")]
    row = db.session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
    assert row is not None
    message = render(row, app.extensions["lms.config"])
    assert message["Subject"] == "Invitation: Rules of origin"
    assert row.expires_at == lecture.starts_at
    assert [part.get_content_type() for part in message.walk() if not part.is_multipart()][-2:] == [
        "text/calendar",
        "application/ics",
    ]


def test_who_only_waited_has_nothing_to_remove(sink: Sink, cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    cast.lecture()
    invite_due(at=at)
    for name in ("Amina", "Boris"):
        person = cast.person(name)
        enrol(series.id, own(person), by=person, at=at)
    post = Post(sink, "Boris")
    withdraw(series.id, own(person), by=person, at=at)
    assert post.arrive() == ["enrolment_waitlisted -", "enrolment_withdrawn -"]


@pytest.mark.parametrize("local", [datetime(2027, 2, 20, 9), datetime(2027, 3, 28, 9)], ids=["ramadan", "after"])  # noqa: DTZ001
def test_another_program_reads_the_moment_at_which_a_lecture_begins(
    sink: Sink, cast: Cast, at: datetime, local: datetime
) -> None:
    """In Casablanca clocks go back for Ramadan, which no yearly rule says."""
    series, lecture, amina = cast.series(), cast.lecture(), cast.person("Amina")
    invite_due(at=at)
    enrol(series.id, own(amina), by=amina, at=at)
    moved = postpone_lecture(lecture.id, local_start=local, time_zone="Africa/Casablanca", by=SYSTEM, at=at)
    post = Post(sink, "Amina")
    post.arrive()
    [event] = post.calendar()
    assert moved.starts_at is not None
    assert event["start"] == moved.starts_at.timestamp()
