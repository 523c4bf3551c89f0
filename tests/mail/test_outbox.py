"""Mail waits for the commit, goes out while no transaction is open, and survives a dying worker."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import event, select

from lms.core.background.processes import record_heartbeat
from lms.core.database.session import action, db
from lms.mail import decisions, outbox, sending
from lms.mail.outbox import MailState, OutboxMail

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]


@action
def post(
    number: int,
    at: datetime,
    *,
    template: str = "enrolled",
    person_id: int | None = None,
    expires_at: datetime | None = None,
) -> None:
    outbox.post_mail(
        template,
        address=f"{number}@x.example",
        payload={"n": number, "secret": "s"},
        dedupe_key=f"k{number}",
        at=at,
        person_id=person_id,
        expires_at=expires_at,
    )


@action
def post_many(numbers: range, at: datetime) -> None:
    outbox.post_mails(
        {
            "template": "scheduled_report", "address": f"{number}@x.example", "payload": {}, "dedupe_key": f"{number}",
            "created_at": at, "due_at": at, "locale": "en", "time_zone": "", "person_id": None, "expires_at": None,
            "attempts": 0,
        }
        for number in numbers
    )  # fmt: skip


@contextmanager
def listening(target: Any, name: str, hook: Callable[[Any], None]) -> Iterator[None]:
    event.listen(target, name, hook)
    try:
        yield
    finally:
        event.remove(target, name, hook)


def test_the_same_key_is_one_mail(at: datetime) -> None:
    post(1, at)
    post(1, at + timedelta(hours=1))
    sent: list[str] = []
    assert sending.send_due(lambda mail: sent.append(mail.address), at=at) == 1
    assert sending.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(days=9)) == 0
    assert sent == ["1@x.example"]
    assert db.session.query(OutboxMail).one().payload == {"n": 1}


def test_no_transaction_is_open_while_a_mail_goes_out(at: datetime) -> None:
    """Another writer gets in during the sending: a slow mail server never holds up the site."""
    post(1, at)

    def send(_mail: OutboxMail) -> None:
        assert not db.session().in_transaction()
        with db.engine.connect().execution_options(lms_writes=True) as connection, connection.begin():
            connection.exec_driver_sql("UPDATE outbox_mail SET template = 'touched'")

    assert sending.send_due(send, at=at) == 1
    mail = db.session.query(OutboxMail).one()
    assert (mail.template, mail.sent_at) == ("touched", at)


def test_a_worker_that_dies_while_sending_sends_again_later(at: datetime) -> None:
    post(1, at)

    def die(_mail: OutboxMail) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sending.send_due(die, at=at)
    sent: list[str] = []
    assert sending.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(minutes=4)) == 0
    assert sending.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(minutes=5)) == 1
    assert sent == ["1@x.example"]


def take_as(name: str, at: datetime, monkeypatch: pytest.MonkeyPatch) -> int:
    """A process takes what is due, and is killed before it has sent any."""
    with monkeypatch.context() as other:
        other.setattr(sending, "process_name", lambda: name)
        return len(sending._claim(at=at, limit=99, per_minute=None, priorities=outbox.PRIORITIES))


def test_what_a_dead_worker_held_is_sent_as_soon_as_its_death_is_known(
    at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute, second = timedelta(minutes=1), timedelta(seconds=1)
    for name, numbers in (("dead:1-a", range(5)), ("alive:1-b", range(5, 8))):
        post_many(numbers, at)
        assert take_as(name, at, monkeypatch) == len(numbers)
    post(9, at)
    sending.send_due(fail, at=at)  # is tried again after two minutes, whichever process dies
    record_heartbeat("dead:1-a", started_at=at, at=at)
    record_heartbeat("alive:1-b", started_at=at, at=at + minute)
    sent: list[str] = []
    for moment, count in ((at + minute, 0), (at + minute + second, 5)):
        sending.give_back_of_dead(at=moment)
        assert sending.send_due(lambda mail: sent.append(mail.address), at=moment) == count
    assert sorted(sent) == [f"{number}@x.example" for number in range(5)]
    sending.give_back_of(["alive:1-b"], at=at + minute + second)  # its data folder says that it is gone
    assert sending.send_due(lambda mail: sent.append(mail.address), at=at + minute + second) == 3
    assert {mail.taken_by for mail in db.session.query(OutboxMail)} == {None}


def fail(_mail: OutboxMail) -> None:
    raise smtplib.SMTPServerDisconnected("gone")


def test_a_worker_that_was_taken_for_dead_takes_nothing_back(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    post_many(range(2), at)

    def send(_mail: OutboxMail) -> None:
        sending.give_back_of([sending.process_name()], at=at)
        assert take_as("second:1-b", at, monkeypatch) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sending.send_due(send, at=at)
    assert {mail.taken_by for mail in db.session.query(OutboxMail)} == {"second:1-b"}
    assert sending.send_due(fail, at=at) == 0


@pytest.mark.databases
def test_a_failure_is_kept_and_tried_less_and_less_often(at: datetime) -> None:
    post(1, at)
    tried = 0

    def fail(_mail: OutboxMail) -> None:
        nonlocal tried
        tried += 1
        raise smtplib.SMTPServerDisconnected("gone")

    minutes = [0, 2, 6, 14, 30, 62, 126, *range(254, 254 + 17 * 240, 240)]
    assert len(minutes) == sending.MAX_ATTEMPTS
    for number, minute in enumerate(minutes):
        sending.send_due(fail, at=at + timedelta(minutes=minute - 1))
        assert tried == number
        sending.send_due(fail, at=at + timedelta(minutes=minute))
        assert tried == number + 1
    assert db.session.query(OutboxMail).one().error == "SMTPServerDisconnected: gone"
    assert sending.send_due(fail, at=at + timedelta(days=30)) == 0


@pytest.mark.databases
def test_what_is_past_is_never_sent(at: datetime) -> None:
    post(1, at, expires_at=at + timedelta(hours=1))
    post(2, at)
    sent: list[str] = []
    sending.send_due(lambda mail: sent.append(mail.address), at=at + timedelta(hours=1))
    assert sent == ["2@x.example"]


def test_one_that_cannot_be_written_keeps_nobody_waiting(at: datetime) -> None:
    post(1, at)
    post(2, at)
    sent: list[str] = []

    def send(mail: OutboxMail) -> None:
        if mail.address == "1@x.example":
            raise KeyError("a template lacks something")
        sent.append(mail.address)

    assert sending.send_due(send, at=at) == 2
    assert sent == ["2@x.example"]
    first = db.session.query(OutboxMail).filter_by(address="1@x.example").one()
    assert (first.sent_at, first.error, first.state) == (None, "KeyError", MailState.FAILED)
    assert sending.send_due(send, at=at + timedelta(days=1)) == 0, "it would fail again"


def test_what_matters_at_once_leaves_first(at: datetime) -> None:
    for number, template in enumerate(("scheduled_report", "lecture_postponed", "enrolment_enrolled", "sign_in")):
        post(number, at + timedelta(seconds=number), template=template)
    sent: list[str] = []
    while sending.send_due(lambda mail: sent.append(mail.template), at=at + timedelta(minutes=1), limit=1):
        pass
    assert sent == ["sign_in", "lecture_postponed", "enrolment_enrolled", "scheduled_report"]


def test_workers_side_by_side_send_each_mail_once(app: APIFlask, at: datetime) -> None:
    post_many(range(300), at)
    sent: list[str] = []
    turn = threading.Lock()
    ready = threading.Barrier(4)

    def send(mail: OutboxMail) -> None:
        with turn:
            sent.append(mail.address)

    def work() -> None:
        with app.app_context():
            ready.wait()
            while sending.send_due(send, at=at, limit=20):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == sorted(f"{number}@x.example" for number in range(300))
    assert {mail.state for mail in db.session.query(OutboxMail)} == {MailState.SENT}


def test_a_batch_is_marked_in_few_transactions(at: datetime) -> None:
    post_many(range(100), at)
    commits: list[None] = []
    with listening(db.engine, "commit", lambda _connection: commits.append(None)):
        assert sending.send_due(lambda mail: None, at=at) == 100
    assert 0 < len(commits) <= 4 + 100 // sending.MARK_AFTER


@pytest.mark.databases
def test_no_more_than_a_few_mails_that_left_are_not_marked(at: datetime) -> None:
    """Whenever a worker dies, these are what is sent again."""
    post_many(range(40), at)
    left: list[int] = []
    unmarked: list[int] = []

    def send(mail: OutboxMail) -> None:
        left.append(mail.id)
        with db.engine.connect() as line:
            sent = line.execute(select(OutboxMail.id).where(OutboxMail.state == MailState.SENT)).scalars().all()
        unmarked.append(len(set(left) - set(sent)))

    assert sending.send_due(send, at=at) == 40
    assert max(unmarked) == sending.MARK_AFTER == 10


@pytest.mark.databases
def test_what_a_slow_server_leaves_of_a_batch_is_given_back(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BATCH_SECONDS", -1)
    post_many(range(3), at)
    sent: list[str] = []
    assert sending.send_due(lambda mail: sent.append(mail.address), at=at) == 3
    assert sent == ["0@x.example"]
    rows = db.session.query(OutboxMail).order_by(OutboxMail.id)
    assert [(mail.attempts, mail.due_at) for mail in rows][1:] == [(0, at), (0, at)]
    db.session.rollback()
    post(9, at, template="sign_in")
    sending.send_due(lambda mail: sent.append(mail.address), at=at)
    assert sent == ["0@x.example", "9@x.example"], "what matters at once does not wait for the rest"


@pytest.mark.parametrize("per_minute", [1, 60, *(pytest.param(each, marks=pytest.mark.long) for each in (7, 1200))])
@pytest.mark.databases
def test_no_more_leave_in_any_minute_than_the_setting_says(at: datetime, per_minute: int) -> None:
    count = min(3 * per_minute, 400)
    post_many(range(count), at)
    left: list[datetime] = []
    for second in range(190):
        moment = at + timedelta(seconds=second)
        while sending.send_due(lambda _mail, moment=moment: left.append(moment), at=moment, per_minute=per_minute):  # type: ignore[misc]
            pass
    for moment in left:
        assert sum(moment - timedelta(minutes=1) < other <= moment for other in left) <= per_minute
    assert len(left) == count


def test_workers_share_the_limit(app: APIFlask, at: datetime) -> None:
    post_many(range(100), at)
    ready = threading.Barrier(4)
    sent: list[int] = []

    def work() -> None:
        with app.app_context():
            ready.wait()
            while count := sending.send_due(lambda mail: None, at=at, limit=3, per_minute=120):
                sent.append(count)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 10, "its share of five seconds"


def test_somebody_who_is_erased_while_a_mail_goes_out_is_not_written_back(at: datetime) -> None:
    post(1, at, person_id=7)

    @action
    def erase() -> None:
        decisions.erase_mails(7)

    assert sending.send_due(lambda mail: erase(), at=at) == 1
    mail = db.session.query(OutboxMail).one()
    assert (mail.address, mail.payload, mail.person_id) == ("", {}, None)
