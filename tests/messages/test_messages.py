"""Messages to people enrolled in a series: who gets them, that each gets one, and how they are stopped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select, update

from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database import audit
from lms.core.database.session import db
from lms.enrolment.actions.places import set_status
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail import outbox
from lms.mail.kinds import MailKind
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from lms.mail.sending import send_due
from lms.messages import actions, rules
from lms.messages.actions import confirm_message, delete_draft, save_message, send_due_messages, stop_message
from lms.messages.models import Audience, Message, MessageState
from lms.messages.queries import (
    MessageProgress,
    Readers,
    count_audiences,
    count_readers,
    list_examples,
    progress_of,
)
from lms.messages.rules import AudienceInput, MessageInput
from lms.people.actions.access import revoke_role
from lms.people.actions.mails import choose_mails
from lms.people.models import RoleGrant
from tests.attendance.scene import END, Scene
from tests.enrolment.conftest import Reader
from tests.factories import Make
from tests.rows import each_row

NOW = END + timedelta(days=1)
STARTS = NOW + rules.WAIT
EVERYONE = AudienceInput()
pytestmark = pytest.mark.databases


@pytest.fixture
def scene(make: Make, context: None) -> Scene:
    """Ada attended, Ben in part, Cyr not."""
    scene = Scene(make)
    scene.publish(("ada@x.example", 0, 80), ("ben@x.example", 0, 20))
    return scene


def of_lecture(scene: Scene, audience: Audience, country: str = "") -> AudienceInput:
    return AudienceInput(audience, scene.lecture.id, country)


def draft(scene: Scene, to: AudienceInput = EVERYONE, subject: str = "The reading", text: str = "Dear {name},") -> str:
    return save_message(scene.series.slug, None, MessageInput(to, subject, text), by=scene.by, at=NOW)


def send(scene: Scene, to: AudienceInput = EVERYONE, **words: str) -> Message:
    public_id = draft(scene, to, **words)
    readers = count_readers(scene.series, to, by=scene.by).number
    confirm_message(scene.series.slug, public_id, readers, by=scene.by, at=NOW)
    return message_of(public_id)


def message_of(public_id: str) -> Message:
    row = db.session.scalar(select(Message).where(Message.public_id == public_id))
    assert row is not None
    db.session.refresh(row)
    return row


def addresses() -> list[str]:
    mails = select(OutboxMail.address).where(OutboxMail.template == "message").order_by(OutboxMail.id)
    return [address.partition("@")[0] for address in db.session.scalars(mails)]


@pytest.mark.databases
@pytest.mark.parametrize(
    ("audience", "who"),
    [
        (Audience.EVERYONE, ["ada", "ben", "cyr"]),
        (Audience.ATTENDED, ["ada"]),
        (Audience.PARTIAL, ["ben"]),
        (Audience.ABSENT, ["cyr"]),
    ],
)
def test_an_audience_is_counted_and_written_to(scene: Scene, audience: Audience, who: list[str]) -> None:
    to = of_lecture(scene, audience)
    assert count_audiences(scene.series, scene.lecture, by=scene.by)[audience] == len(who)
    assert count_readers(scene.series, to, by=scene.by) == Readers(len(who), 0, 0)
    message = send(scene, to)
    assert send_due_messages(at=STARTS - timedelta(seconds=1)) == 0, "the minute in which it can be stopped"
    assert send_due_messages(at=STARTS) == len(who)
    assert addresses() == who
    assert message_of(message.public_id).state is MessageState.SENT
    assert send_due_messages(at=STARTS + timedelta(days=1)) == 0


@pytest.mark.databases
def test_those_who_left_or_only_came_by_are_not_written_to(scene: Scene) -> None:
    ben = db.session.scalar(select(Enrolment).where(Enrolment.person_id == scene.people["Ben"].id))
    assert ben is not None
    scene.make.lecture(scene.series, "Next", starts_at=STARTS + timedelta(days=7))  # until then people can withdraw
    set_status(ben.public_id, EnrolmentStatus.WITHDRAWN, by=SYSTEM, at=NOW)
    assert count_readers(scene.series, of_lecture(scene, Audience.PARTIAL), by=scene.by).total == 0
    send(scene)
    send_due_messages(at=STARTS)
    assert addresses() == ["ada", "cyr"]


def share(person_id: int, at: datetime | None) -> None:
    db.session.execute(update(Enrolment).where(Enrolment.person_id == person_id).values(profile_shared_at=at))
    db.session.commit()


@pytest.mark.databases
def test_a_country_chooses_only_among_those_whose_country_the_lecturer_may_read(make: Make, scene: Scene) -> None:
    person, to = make.person("Dora", email="dora@x.example", country="PE"), AudienceInput(country="PE")
    make.enrolment(scene.series, person)
    for shared, seen in ((None, 0), (NOW, 1)):
        share(person.id, shared)
        assert count_readers(scene.series, to, by=make.administrator()).total == 1
        assert count_readers(scene.series, to, by=scene.by).total == seen


def test_declined_and_missing_addresses_are_left_out_and_counted(make: Make, scene: Scene) -> None:
    choose_mails(scene.people["Ada"].id, {MailKind.MESSAGE: False}, by=SYSTEM, at=NOW, series_id=scene.series.id)
    assert count_readers(scene.series, EVERYONE, by=scene.by) == Readers(3, 1, 0)
    message = send(scene)
    choose_mails(scene.people["Ben"].id, {MailKind.MESSAGE: False}, by=SYSTEM, at=NOW)
    send_due_messages(at=STARTS)
    assert (message.readers, addresses()) == (2, ["cyr"])


def test_what_the_number_does_not_say_any_more_is_not_sent(make: Make, scene: Scene) -> None:
    public_id = draft(scene)
    with pytest.raises(Refused, match="has changed from 2 to 3"):
        confirm_message(scene.series.slug, public_id, 2, by=scene.by, at=NOW)
    assert message_of(public_id).state is MessageState.DRAFT


def test_nobody_gets_it_where_the_audience_is_empty_or_too_large(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    public_id = draft(scene, AudienceInput(country="PE"))
    with pytest.raises(Refused, match="No one would get"):
        confirm_message(scene.series.slug, public_id, 0, by=scene.by, at=NOW)
    monkeypatch.setattr(rules, "MAX_READERS", 2)
    with pytest.raises(Refused, match="at most"):
        confirm_message(scene.series.slug, draft(scene), 3, by=scene.by, at=NOW)


def test_a_series_sends_so_many_messages_a_day(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_A_DAY", 1)
    send(scene)
    public_id = draft(scene)
    with pytest.raises(Refused, match="last 24 hours"):
        confirm_message(scene.series.slug, public_id, 3, by=scene.by, at=NOW + timedelta(hours=23))
    confirm_message(scene.series.slug, public_id, 3, by=scene.by, at=NOW + timedelta(hours=25))


@pytest.mark.databases
def test_confirmed_by_many_at_once_it_goes_out_once(app: APIFlask, scene: Scene) -> None:
    public_id = draft(scene)
    slug, by = scene.series.slug, scene.by

    def press(_turn: int) -> None:
        with app.app_context():
            confirm_message(slug, public_id, 3, by=by, at=NOW)
            send_due_messages(at=STARTS)

    db.session.rollback()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(press, range(6)))
    assert addresses() == ["ada", "ben", "cyr"]
    sent = select(func.count()).where(audit.AuditEntry.verb == "send_message")
    assert db.session.scalar(sent) == 1


def test_it_goes_on_where_it_was_broken_off(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "STEP", 1)
    message = send(scene)
    posted = outbox.post_mails
    calls = []

    def breaks(rows: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return posted(rows)

    monkeypatch.setattr(actions, "post_mails", breaks)
    with pytest.raises(RuntimeError):
        send_due_messages(at=STARTS)
    assert (addresses(), message_of(message.public_id).state) == (["ada"], MessageState.SENDING)
    send_due_messages(at=STARTS + timedelta(minutes=5))
    assert (addresses(), message_of(message.public_id).state) == (["ada", "ben", "cyr"], MessageState.SENT)


@pytest.mark.parametrize("posted", [False, True], ids=["within the minute", "while it leaves"])
def test_stopped_it_keeps_back_what_has_not_left(scene: Scene, posted: bool) -> None:
    message = send(scene)
    if posted:
        send_due_messages(at=STARTS)
        assert send_due(lambda _mail: None, at=STARTS, limit=1) == 1
    stop_message(scene.series.slug, message.public_id, by=scene.by, at=STARTS)
    send_due_messages(at=STARTS + timedelta(hours=1))
    while send_due(lambda _mail: None, at=STARTS + timedelta(days=2)):
        pass
    assert progress_of(message_of(message.public_id)) == (
        MessageProgress(sent=1, skipped=2) if posted else MessageProgress()
    )
    assert message_of(message.public_id).state is MessageState.STOPPED


def test_a_sender_who_may_no_longer_write_stops_it(make: Make, scene: Scene) -> None:
    message = send(scene)
    grant = db.session.scalar(select(RoleGrant).where(RoleGrant.person_id == scene.teacher.id))
    assert grant is not None
    revoke_role(scene.teacher.public_id, grant.id, by=make.administrator(), at=NOW)
    send_due_messages(at=STARTS)
    assert (addresses(), message_of(message.public_id).state) == ([], MessageState.STOPPED)


def test_a_message_is_changed_only_while_it_is_a_draft(scene: Scene) -> None:
    message = send(scene)
    typed = MessageInput(EVERYONE, "Another", "Another text")
    with pytest.raises(Refused, match="no longer a draft"):
        save_message(scene.series.slug, message.public_id, typed, by=scene.by, at=NOW)
    with pytest.raises(Refused, match="no longer a draft"):
        delete_draft(scene.series.slug, message.public_id, by=scene.by)


@each_row(
    "typed, field",
    [
        (MessageInput(EVERYONE, "\u200b", "x"), "subject"),
        (MessageInput(EVERYONE, "x" * 201, "x"), "subject"),
        (MessageInput(EVERYONE, "x", " \n "), "text"),
        (MessageInput(EVERYONE, "x", "x" * 20_001), "text"),
        (MessageInput(AudienceInput(Audience.ABSENT, None), "x", "x"), "lecture"),
        (MessageInput(AudienceInput(Audience.ABSENT, 10**9), "x", "x"), "lecture"),
        (MessageInput(AudienceInput(country="XX"), "x", "x"), "country"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_written(scene: Scene, typed: MessageInput, field: str) -> None:
    with pytest.raises(Invalid) as error:
        save_message(scene.series.slug, None, typed, by=scene.by, at=NOW)
    assert [fault.field for fault in error.value.faults] == [field]
    assert db.session.scalar(select(func.count()).select_from(Message)) == 0


def test_others_do_not_learn_that_there_are_messages(make: Make, scene: Scene) -> None:
    public_id = draft(scene)
    for by in (make.actor(roles=["instructor"]), make.actor(roles=["reporter"]), make.actor(scene.people["Ada"])):
        with pytest.raises(NotFound):
            confirm_message(scene.series.slug, public_id, 3, by=by, at=NOW)


@pytest.mark.databases
def test_a_reader_gets_the_text_with_the_own_name_and_links(app: APIFlask, scene: Scene) -> None:
    text = "Dear {name},\n\nPlease read https://example.org/paper?a=1 first.\n<b>Lin</b> {{ organiser }}"
    send(scene, of_lecture(scene, Audience.ATTENDED), subject="For {name}", text=text)
    send_due_messages(at=STARTS)
    mail = db.session.scalars(select(OutboxMail).where(OutboxMail.template == "message")).one()
    assert len(str(mail.payload)) < 200, "the text is stored once, not for each reader"
    message = render(mail, app.extensions["lms.config"])
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert message["Subject"] == "For Ada"
    assert "Dear Ada," in plain.get_content()
    assert "<b>Lin</b> {{ organiser }}" in plain.get_content()
    assert 'href="https://example.org/paper?a=1"' in html.get_content()
    assert "&lt;b&gt;Lin" in html.get_content()


@pytest.mark.databases
def test_the_preview_names_only_those_whose_name_the_lecturer_may_read(make: Make, scene: Scene) -> None:
    for name, person in scene.people.items():
        share(person.id, None if name == "Ben" else NOW)
    assert [name for _id, name in list_examples(scene.series, EVERYONE, by=scene.by)] == ["Ada", "Cyr"]
    everybody = list_examples(scene.series, EVERYONE, by=make.administrator())
    assert [name for _id, name in everybody] == ["Ada", "Ben", "Cyr"]


@pytest.mark.databases
def test_written_previewed_tested_sent_and_stopped_on_its_pages(app: APIFlask, make: Make, scene: Scene) -> None:
    boss = Reader(app.test_client(), make, scene.teacher)
    there = f"/series/{scene.series.slug}/messages"
    typed = {"to": "absent", "lecture": str(scene.lecture.id), "country": "", "text": "Dear {name},"}
    assert 'data-value="3"' in boss.get(f"{there}/new").text
    counted = boss.post(f"{there}/new", **typed, subject="You missed it", step="count")
    assert counted.status_code == 200
    assert 'data-value="1"' in counted.text
    assert "You missed it" in counted.text
    assert db.session.scalar(select(func.count()).select_from(Message)) == 0
    refused = boss.post(f"{there}/new", **typed, subject="")
    assert refused.status_code == 422
    assert "Enter a subject." in refused.text
    saved = boss.post(f"{there}/new", **typed, subject="You missed it")
    assert saved.status_code == 303
    page = boss.get(saved.location).text
    assert "Send to 1 person" in page
    assert "Missed it" in page
    assert "You missed it" in boss.get(f"{saved.location}/edit").text
    assert boss.post(f"{saved.location}/test").status_code == 303
    assert db.session.scalars(select(OutboxMail.template)).all() == ["message_test"]
    stale = boss.post(f"{saved.location}/send", readers="7")
    assert stale.status_code == 409
    assert "has changed from 7 to 1" in stale.text
    assert boss.post(f"{saved.location}/send", readers="1").status_code == 303
    assert 'data-state="waiting"' in boss.get(saved.location).text
    assert boss.post(f"{saved.location}/stop").status_code == 303
    assert 'data-state="stopped"' in boss.get(saved.location).text
    assert "You missed it" in boss.get(there).text
    assert boss.get(f"{saved.location}/edit").status_code == 302
