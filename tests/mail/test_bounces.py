"""A delivery status notification marks the mail that it is about, and an address that does not exist is left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import current_app

from lms.core.database.session import action, db
from lms.mail import bounces, decisions, outbox, sending
from lms.mail.bounces import BounceOutcome, confirm_address, take_bounce
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.reasons import MailReason
from lms.mail.rendering import mark

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


def notification(
    message_id: str,
    *,
    act: str = "failed",
    status: str = "5.1.1",
    words: str = "no such user",
    reader: str = "ada@example.org",
    own_id: str = "",
) -> bytes:
    """As Postfix writes it (RFC 3464). Without an `own_id`, another one for each mail and each status."""
    return f"""From: MAILER-DAEMON@mail.example (Mail Delivery System)
To: no-reply@localhost
Message-ID: <{own_id or message_id.strip("<>").replace("@", ".") + status}@mail.example>
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

Final-Recipient: rfc822; {reader}
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
    while sending.send_due(lambda mail: None, at=at):
        pass
    keys = [f"b{number}" for number in numbers]
    return list(db.session.query(OutboxMail).filter(OutboxMail.dedupe_key.in_(keys)).order_by(OutboxMail.id))


def message_id(mail: OutboxMail) -> str:
    return f"<{mark(mail.id, mail.dedupe_key)}@localhost>"


def test_a_mail_that_came_back_is_marked_once_with_its_reason(at: datetime) -> None:
    (mail,) = sent(at, 1)
    returned = notification(message_id(mail))
    assert take_bounce(returned, at=at) is BounceOutcome.NOTED
    assert take_bounce(returned, at=at) is BounceOutcome.KNOWN
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
    assert take_bounce(change(message_id(mail)), at=at) is outcome
    db.session.refresh(mail)
    assert mail.state == MailState.SENT


def test_an_older_secret_of_the_site_is_known(at: datetime) -> None:
    (mail,) = sent(at, 1)
    own = message_id(mail)
    secret = current_app.config["SECRET_KEY"]
    current_app.config.update(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[secret])
    try:
        assert take_bounce(notification(own), at=at) is BounceOutcome.NOTED
    finally:
        current_app.config.update(SECRET_KEY=secret, SECRET_KEY_FALLBACKS=[])


def test_an_address_that_bounced_thrice_is_not_written_to_until_its_owner_says_so(at: datetime) -> None:
    mails = sent(at, 1, 2, 3)
    for mail in mails[:2]:
        take_bounce(notification(message_id(mail)), at=at)
    assert bounces.stopped_among(["ada@example.org"]) == set()
    take_bounce(notification(message_id(mails[2])), at=at)
    assert bounces.stopped_among(["ada@example.org", "eve@example.org"]) == {"ada@example.org"}
    (stopped,) = sent(at, 4)
    assert (stopped.state, stopped.reason) == (MailState.STOPPED, MailReason.ADDRESS_STOPPED)
    (asked,) = sent(at, 5, template="sign_in")
    assert asked.state == MailState.SENT, "what its owner asks for is tried"

    @action
    def confirm() -> None:
        confirm_address("ada@example.org")

    confirm()
    assert bounces.stopped_among(["ada@example.org"]) == set()
    (again,) = sent(at, 6)
    assert again.state == MailState.SENT


def test_a_full_mailbox_does_not_count(at: datetime) -> None:
    for mail in sent(at, 1, 2, 3):
        take_bounce(notification(message_id(mail), status="5.2.2", words="mailbox full"), at=at)
    assert bounces.stopped_among(["ada@example.org"]) == set()


def test_a_mail_that_waited_until_it_was_given_up_came_back_and_does_not_count(at: datetime) -> None:
    """As Postfix says it: it failed for good, with a status that is none for good."""
    mails = sent(at, 1, 2, 3)
    for mail in mails:
        away = notification(message_id(mail), status="4.4.4", words="no route")
        assert take_bounce(away, at=at) is BounceOutcome.NOTED
    db.session.refresh(mails[0])
    assert (mails[0].state, mails[0].reason) == (MailState.UNDELIVERED, MailReason.NO_ANSWER)
    assert bounces.stopped_among(["ada@example.org"]) == set()


def test_a_notification_without_the_returned_head_is_about_its_envelope(at: datetime) -> None:
    """What the mail server was told as ENVID (RFC 3461) names the mail."""
    (mail,) = sent(at, 1)
    envelope = message_id(mail)[1:-1].partition("@")[0]
    cut = notification("<cut@localhost>").partition(b"--b\nContent-Type: message/rfc822")[0] + b"--b--\n"
    assert take_bounce(cut, at=at) is BounceOutcome.NOT_OURS
    named = cut.replace(b"Arrival-Date:", b"Original-Envelope-Id: " + envelope.encode() + b"\nArrival-Date:")
    assert take_bounce(named, at=at) is BounceOutcome.NOTED


def test_a_notification_that_answers_the_mail_is_about_it(at: datetime) -> None:
    (mail,) = sent(at, 1)
    cut = notification("<cut@localhost>").partition(b"--b\nContent-Type: message/rfc822")[0] + b"--b--\n"
    assert take_bounce(f"In-Reply-To: {message_id(mail)}\n".encode() + cut, at=at) is BounceOutcome.NOTED


def test_a_notification_beyond_ascii_is_read(at: datetime) -> None:
    """RFC 6533: the blocks of fields are one text."""
    (mail,) = sent(at, 1)
    text = notification(message_id(mail)).replace(b"message/delivery-status", b"message/global-delivery-status")
    assert take_bounce(text.replace(b"message/rfc822", b"message/global"), at=at) is BounceOutcome.NOTED
    db.session.refresh(mail)
    assert mail.reason == MailReason.NO_SUCH_ADDRESS


def test_what_fails_behind_a_forwarded_address_does_not_stop_the_address(at: datetime) -> None:
    mails = sent(at, 1, 2, 3, 4)
    for mail in mails[:3]:
        take_bounce(notification(message_id(mail), reader="ada@elsewhere.example"), at=at)
    db.session.refresh(mails[0])
    assert (mails[0].state, mails[0].reason) == (MailState.UNDELIVERED, MailReason.FORWARDED)
    assert bounces.stopped_among(["ada@example.org"]) == set()
    both = notification(message_id(mails[3]), reader="ada@elsewhere.example").replace(
        b"Final-Recipient:", b"Original-Recipient: rfc822;Ada@Example.org\nFinal-Recipient:"
    )
    take_bounce(both, at=at)
    db.session.refresh(mails[3])
    assert mails[3].reason == MailReason.NO_SUCH_ADDRESS, "that is the address that we wrote to"


def test_nobody_stops_an_address_by_forged_notifications(at: datetime) -> None:
    """Eve gets mails of her own, and says under their names that those to Ada came back."""
    ada = sent(at, 1, 2, 3)
    own = ada[0]
    for number in range(1, 50):
        forged = notification(message_id(own).replace(f"<{own.id}.", f"<{own.id + number}."))
        assert take_bounce(forged, at=at) is BounceOutcome.NOT_OURS
    for number in range(5):
        take_bounce(notification(message_id(own), own_id=f"again-{number}"), at=at)
    assert bounces.stopped_among(["ada@example.org"]) == set(), "one mail counts once, whatever is said of it"


def test_what_was_not_sent_cannot_come_back(at: datetime) -> None:
    post(1, at)
    mail = db.session.query(OutboxMail).one()
    assert take_bounce(notification(message_id(mail)), at=at) is BounceOutcome.KNOWN
    db.session.refresh(mail)
    assert mail.state == MailState.QUEUED


def test_a_mail_that_comes_back_before_it_is_marked_as_sent_stays_undelivered(at: datetime) -> None:
    post(1, at)
    outcomes: list[BounceOutcome] = []

    def refuse_behind(mail: OutboxMail) -> None:
        outcomes.append(take_bounce(notification(message_id(mail)), at=at))

    sending.send_due(refuse_behind, at=at)
    assert outcomes == [BounceOutcome.NOTED]
    mail = db.session.query(OutboxMail).populate_existing().one()
    assert (mail.state, mail.reason, mail.sent_at) == (MailState.UNDELIVERED, MailReason.NO_SUCH_ADDRESS, at)
    assert sending.send_due(lambda mail: None, at=at + sending.LEASE) == 0


@pytest.mark.databases(differs=True)
def test_the_same_notification_again_does_not_fail_a_new_attempt(at: datetime) -> None:
    (mail,) = sent(at, 1)
    returned = notification(message_id(mail))
    take_bounce(returned, at=at)

    @action
    def again() -> int:
        return decisions.queue_again([mail.id], at=at)

    assert again() == 1
    sending.send_due(lambda mail: None, at=at)
    assert take_bounce(returned, at=at) is BounceOutcome.KNOWN
    assert take_bounce(notification(message_id(mail), own_id="another"), at=at) is BounceOutcome.NOTED


def test_an_erased_mail_keeps_nothing_that_servers_said(at: datetime) -> None:
    (mail,) = sent(at, 1)
    take_bounce(notification(message_id(mail), words="<ada@example.org> unknown"), at=at)

    @action
    def erase() -> None:
        db.session.query(OutboxMail).update({"person_id": 7})
        decisions.erase_mails(7)

    erase()
    mail = db.session.query(OutboxMail).populate_existing().one()
    assert (mail.state, mail.address, mail.error) == (MailState.UNDELIVERED, "", None)
    assert take_bounce(notification(message_id(mail), own_id="later"), at=at) is BounceOutcome.KNOWN
