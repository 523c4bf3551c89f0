"""A delivery status notification marks the mail that it is about, and an address that does not exist is left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import current_app

from lms.core import outbox
from lms.core.bounces import confirm_address
from lms.core.db import action, db
from lms.core.mail_reasons import MailReason
from lms.core.outbox import MailState, OutboxMail
from lms.web.bounces import BounceOutcome, take_bounce
from lms.web.mail import mark

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


def notification(message_id: str, *, act: str = "failed", status: str = "5.1.1", words: str = "no such user") -> bytes:
    """As Postfix writes it (RFC 3464)."""
    return f"""From: MAILER-DAEMON@mail.example (Mail Delivery System)
To: no-reply@localhost
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.example.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example
Arrival-Date: Wed, 25 Nov 2026 01:00:00 +0000

Final-Recipient: rfc822; ada@example.org
Action: {act}
Status: {status}
Diagnostic-Code: smtp; 550 {status} {words}

--b
Content-Type: message/rfc822

Subject: Cancelled
Message-ID: {message_id}

Text
--b--
""".encode()


@action
def post(number: int, at: datetime, template: str = "lecture_cancelled") -> None:
    outbox.post_mail(template, address="ada@example.org", payload={}, dedupe_key=f"b{number}", at=at)


def sent(at: datetime, *numbers: int, template: str = "lecture_cancelled") -> list[OutboxMail]:
    for number in numbers:
        post(number, at, template)
    while outbox.send_due(lambda mail: None, at=at):
        pass
    keys = [f"b{number}" for number in numbers]
    return list(db.session.query(OutboxMail).filter(OutboxMail.dedupe_key.in_(keys)).order_by(OutboxMail.id))


def message_id(mail: OutboxMail) -> str:
    return f"<{mark(mail.id, mail.dedupe_key)}@localhost>"


def test_a_mail_that_came_back_is_marked_once_with_its_reason(at: datetime) -> None:
    (mail,) = sent(at, 1)
    returned = notification(message_id(mail))
    assert take_bounce(returned) is BounceOutcome.NOTED
    assert take_bounce(returned) is BounceOutcome.KNOWN
    db.session.refresh(mail)
    assert (mail.state, mail.reason) == (MailState.UNDELIVERED, MailReason.NO_SUCH_ADDRESS)
    assert mail.error == "5.1.1 550 5.1.1 no such user"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda own: notification(own, act="delayed", status="4.4.1"), BounceOutcome.NOT_FINAL),
        (lambda own: notification(own, act="delivered", status="2.0.0"), BounceOutcome.NOT_FINAL),
        (lambda own: notification(own[:-14] + "0000@localhost>"), BounceOutcome.NOT_OURS),
        (lambda own: notification("<999999." + "0" * 32 + "@localhost>"), BounceOutcome.NOT_OURS),
        (lambda own: b"Subject: On holiday\n\nI am away. " + own.encode(), BounceOutcome.NOT_OURS),
        (lambda own: b"\xff\x00" * 5000, BounceOutcome.NOT_OURS),
        (lambda own: b"", BounceOutcome.NOT_OURS),
    ],
    ids=["delayed", "delivered", "forged", "unknown", "holiday", "rubbish", "nothing"],
)
def test_what_is_no_final_bounce_of_ours_changes_nothing(
    at: datetime, change: Callable[[str], bytes], outcome: BounceOutcome
) -> None:
    (mail,) = sent(at, 1)
    assert take_bounce(change(message_id(mail))) is outcome
    db.session.refresh(mail)
    assert mail.state == MailState.SENT


def test_an_older_secret_of_the_site_is_known(at: datetime) -> None:
    (mail,) = sent(at, 1)
    own = message_id(mail)
    secret = current_app.config["SECRET_KEY"]
    current_app.config.update(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[secret])
    try:
        assert take_bounce(notification(own)) is BounceOutcome.NOTED
    finally:
        current_app.config.update(SECRET_KEY=secret, SECRET_KEY_FALLBACKS=[])


def test_an_address_that_bounced_thrice_is_not_written_to_until_its_owner_says_so(at: datetime) -> None:
    mails = sent(at, 1, 2, 3)
    for mail in mails[:2]:
        take_bounce(notification(message_id(mail)))
    assert outbox.stopped_among(["ada@example.org"]) == set()
    take_bounce(notification(message_id(mails[2])))
    assert outbox.stopped_among(["ada@example.org", "eve@example.org"]) == {"ada@example.org"}
    (stopped,) = sent(at, 4)
    assert (stopped.state, stopped.reason) == (MailState.STOPPED, MailReason.ADDRESS_STOPPED)
    (asked,) = sent(at, 5, template="sign_in")
    assert asked.state == MailState.SENT, "what its owner asks for is tried"

    @action
    def confirm() -> None:
        confirm_address("ada@example.org")

    confirm()
    assert outbox.stopped_among(["ada@example.org"]) == set()
    (again,) = sent(at, 6)
    assert again.state == MailState.SENT


def test_a_full_mailbox_does_not_count(at: datetime) -> None:
    for mail in sent(at, 1, 2, 3):
        take_bounce(notification(message_id(mail), status="5.2.2", words="mailbox full"))
    assert outbox.stopped_among(["ada@example.org"]) == set()
