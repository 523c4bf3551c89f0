"""Mail from the outbox to a real SMTP server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from apiflask import APIFlask
from flask import current_app

from lms.core.database.session import db
from lms.mail import outbox
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from lms.people.actions.accounts import register, reset_password
from lms.people.actions.links import ask_reset, ask_sign_in_link
from tests.factories import PASSWORD, Make
from tests.mail_sink import Sink, drain, running_sink
from tests.ports import free_port
from tests.rows import each_row


@pytest.fixture
def sink(app: APIFlask) -> Iterator[Sink]:
    """A mail server on a port of its own, which the app delivers to."""
    with running_sink(app) as mails:
        yield mails


def words_of(message: EmailMessage) -> str:
    """The text of a mail."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.usefixtures("context")
def test_a_link_arrives_once_and_its_secret_is_then_forgotten(make: Make, at: datetime, sink: Sink) -> None:
    make.person(full_name="Ana Díaz", email="ana@example.org", password=PASSWORD)
    ask_reset("ANA@example.org", at=at)
    assert drain(at) == 1
    assert drain(at) == 0
    (message,) = sink.messages
    assert (message["To"], message["Subject"]) == ("ana@example.org", "Choose a new password")
    text = words_of(message)
    link = re.search(r"^http://localhost/reset/(\S+)$", text, re.MULTILINE)
    assert "Dear Ana Díaz,\n\nOpen this link" in text
    assert link is not None
    mail = db.session.query(outbox.OutboxMail).one()
    assert (mail.sent_at, mail.payload) == (at, {"full_name": "Ana Díaz"})
    reset_password(link[1], "quite another one", demonstration=False, at=at)


@pytest.mark.usefixtures("context")
def test_each_mail_has_subject_and_link(make: Make, at: datetime, sink: Sink) -> None:
    make.person(full_name="Ana Díaz", email="known@example.org")
    make.person(full_name="Ana Díaz", email="has@example.org", password=PASSWORD)
    given = {"full_name": "Viagra http://spam.example", "country": "KE"}
    for email in ("new@example.org", "known@example.org", "has@example.org"):
        register({**given, "email": email}, consent=True, at=at)
    ask_sign_in_link("has@example.org", at=at)
    assert drain(at) == 4
    assert [message["Subject"] for message in sink.messages] == [
        "Confirm your registration",
        "Your lectures are waiting for you",
        "You are already registered",
        "Your sign-in link",
    ]
    texts = [words_of(message) for message in sink.messages]
    doors = [re.findall(r"http://localhost/([a-z-]+)/", text) for text in texts]
    assert doors == [["confirm"], ["confirm"], ["reset"], ["sign-in"]]
    assert not any("spam" in text for text in texts)
    assert not any("\n\n\n" in text for text in texts)


@pytest.mark.usefixtures("context")
def test_mail_down_is_tried_again_and_an_old_link_is_not_sent(make: Make, at: datetime) -> None:
    make.person(email="ana@example.org", password=PASSWORD)
    ask_sign_in_link("ana@example.org", at=at)
    config = current_app.extensions["lms.config"]
    before, config.mail_url = config.mail_url, f"smtp://127.0.0.1:{free_port()}"
    try:
        assert drain(at) == 1
        mail = db.session.query(outbox.OutboxMail).one()
        assert (mail.sent_at, mail.attempts) == (None, 1)
        assert drain(at + timedelta(hours=1)) == 0
        db.session.refresh(mail)
        assert (mail.sent_at, mail.error) == (None, "expired")
    finally:
        config.mail_url = before


@each_row(
    "what, subject",
    [
        ("password", "Your password was changed"),
        ("second_factor_set", "A second factor was set up"),
        ("second_factor_removed", "Your second factor was removed"),
        ("recovery_code", "A recovery code was used"),
        ("address", "Your e-mail address was changed"),
    ],
)
def test_a_notice_says_what_changed_and_when(app: APIFlask, what: str, subject: str) -> None:
    payload = {"what": what, "full_name": "Ada", "changed_at": "2026-11-25T06:00:00+00:00"}
    row = OutboxMail(id=1, template="account_notice", address="a@example.org", locale="en", payload=payload)
    row.time_zone = "Africa/Nairobi"
    with app.app_context():
        message = render(row, app.extensions["lms.config"])
    assert message["Subject"] == subject
    assert "Dear Ada," in words_of(message)
    assert "This happened on 25 November 2026, 09:00 (Nairobi time)." in words_of(message)


@each_row(
    "template, subject",
    [
        ("change_address", "Confirm your new e-mail address"),
        ("address_taken", "This address already has an account"),
    ],
)
def test_the_reader_of_a_new_address_is_told(app: APIFlask, template: str, subject: str) -> None:
    row = OutboxMail(id=1, template=template, address="a@example.org", locale="en", payload={"secret": "s3cret"})
    row.time_zone = ""
    with app.app_context():
        message = render(row, app.extensions["lms.config"])
    assert message["Subject"] == subject
    assert ("/account/address/s3cret" in words_of(message)) is (template == "change_address")
