"""Mail waits for the commit, goes out while no transaction is open, and survives a dying worker."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta

import pytest

from lms.core import outbox
from lms.core.db import action, db
from lms.core.outbox import OutboxMail

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


@action
def post(number: int, at: datetime, *, expires_at: datetime | None = None) -> None:
    outbox.post_mail(
        "enrolled",
        address=f"{number}@x.example",
        payload={"n": number, "secret": "s"},
        dedupe_key=f"k{number}",
        at=at,
        expires_at=expires_at,
    )


def test_the_same_key_is_one_mail(at: datetime) -> None:
    post(1, at)
    post(1, at + timedelta(hours=1))
    sent: list[str] = []
    assert outbox.send_due(lambda mail: sent.append(mail.address), at=at) == 1
    assert outbox.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(days=9)) == 0
    assert sent == ["1@x.example"]
    assert db.session.query(OutboxMail).one().payload == {"n": 1}


def test_no_transaction_is_open_while_a_mail_goes_out(at: datetime) -> None:
    """Another writer gets in during the sending: a slow mail server never holds up the site."""
    post(1, at)

    def send(_mail: OutboxMail) -> None:
        assert not db.session().in_transaction()
        with db.engine.connect().execution_options(lms_writes=True) as connection, connection.begin():
            connection.exec_driver_sql("UPDATE outbox_mail SET template = 'touched'")

    assert outbox.send_due(send, at=at) == 1
    mail = db.session.query(OutboxMail).one()
    assert (mail.template, mail.sent_at) == ("touched", at)


def test_a_worker_that_dies_while_sending_sends_again_later(at: datetime) -> None:
    post(1, at)

    def die(_mail: OutboxMail) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.send_due(die, at=at)
    sent: list[str] = []
    assert outbox.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(minutes=1)) == 0
    assert outbox.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(minutes=2)) == 1
    assert sent == ["1@x.example"]


def test_a_failure_is_kept_and_tried_less_and_less_often(at: datetime) -> None:
    post(1, at)
    tried: list[datetime] = []
    for minute in range(4 * 24 * 60):
        moment = at + timedelta(minutes=minute)

        def fail(_mail: OutboxMail, moment: datetime = moment) -> None:
            tried.append(moment)
            raise smtplib.SMTPServerDisconnected("gone")

        outbox.send_due(fail, at=moment)
        if len(tried) == outbox.MAX_ATTEMPTS:
            break
    assert [(moment - at) // timedelta(minutes=1) for moment in tried] == [
        0,
        2,
        6,
        14,
        30,
        62,
        126,
        *range(254, 254 + 17 * 240, 240),
    ]
    assert db.session.query(OutboxMail).one().error == "SMTPServerDisconnected: gone"
    assert outbox.send_due(fail, at=at + timedelta(days=30)) == 0


def test_what_is_past_is_never_sent(at: datetime) -> None:
    post(1, at, expires_at=at + timedelta(hours=1))
    post(2, at)
    sent: list[str] = []
    outbox.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(hours=1))
    assert sent == ["2@x.example"]


def test_one_that_cannot_be_written_keeps_nobody_waiting(at: datetime) -> None:
    post(1, at)
    post(2, at)
    sent: list[str] = []

    def send(mail: OutboxMail) -> None:
        if mail.address == "1@x.example":
            raise KeyError("a template lacks something")
        sent.append(mail.address)

    assert outbox.send_due(send, at=at) == 2
    assert sent == ["2@x.example"]
    first = db.session.query(OutboxMail).filter_by(address="1@x.example").one()
    assert (first.sent_at, first.error) == (None, "KeyError")
