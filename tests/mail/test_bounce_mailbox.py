"""Mails that come back are read from a mailbox by IMAP: each counts once, whatever breaks; nothing else is touched."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask

from lms.config import BadSetting, Config
from lms.core.background import recurring
from lms.core.base import logs
from lms.core.database.session import action, db
from lms.mail import bounce_mailbox, decisions, sending
from lms.mail.bounce_mailbox import EVERY, LEASE, MailboxAddress, MailboxFault, claim, mailbox_state, read_when_due
from lms.mail.outbox import MailState, OutboxMail
from tests.imap_server import ADDRESS, PASSWORD, ImapServer
from tests.mail.test_bounces import message_id, notification, sent
from tests.mail.test_smtp import Authority
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("context", "trusting")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@pytest.fixture
def server(authority: Authority, trusting: None) -> Iterator[ImapServer]:
    with ImapServer(tls=authority.context("localhost")) as running:
        yield running


def url(server: ImapServer, folder: str = "", scheme: str = "imaps", host: str = "localhost") -> str:
    return f"{scheme}://{ADDRESS}@{host}:{server.port}{folder}"


def state(address: str) -> tuple[MailboxFault | None, str]:
    row = mailbox_state(MailboxAddress.of(address).digest)
    assert row is not None
    return MailboxFault(row.fault) if row.fault else None, row.error


def states() -> list[MailState]:
    db.session.rollback()
    return [mail.state for mail in db.session.query(OutboxMail).order_by(OutboxMail.id)]


def holiday(mail: OutboxMail) -> bytes:
    return b"From: a@x.example\r\nSubject: Away\r\n\r\nAbout " + message_id(mail).encode() + b"\r\n"


def of_others(mail: OutboxMail) -> bytes:
    return notification("<7." + "0" * 32 + "@elsewhere.example>")


@pytest.mark.databases
def test_what_came_back_is_marked_and_flagged_and_all_else_left_alone(server: ImapServer, at: datetime) -> None:
    mails = sent(at, 1, 2, 3)
    server.deliver(
        holiday(mails[0]), notification(message_id(mails[0])), of_others(mails[0]), notification(message_id(mails[2]))
    )
    assert read_when_due(url(server), at=at) == 2
    assert states() == ["undelivered", "sent", "undelivered"]
    assert server.flags() == [False, True, False, True]
    assert state(url(server)) == (None, "")


def test_it_is_read_every_few_minutes_and_only_what_is_new(server: ImapServer, at: datetime) -> None:
    mails = sent(at, 1, 2)
    server.deliver(notification(message_id(mails[0])))
    assert read_when_due(url(server), at=at) == 1
    server.deliver(notification(message_id(mails[1])))
    before = server.connections
    assert read_when_due(url(server), at=at + EVERY / 2) == 0
    assert server.connections == before
    assert read_when_due(url(server), at=at + EVERY) == 1
    assert read_when_due(url(server), at=at + 2 * EVERY) == 0


def test_another_folder_is_read_by_starttls(authority: Authority, server: ImapServer, at: datetime) -> None:
    client = server.client()
    client.create('"Come back"')
    client.logout()
    (mail,) = sent(at, 1)
    server.deliver(notification(message_id(mail)), folder='"Come back"')
    assert read_when_due(url(server, "/Come%20back"), at=at) == 1
    with ImapServer(starttls=authority.context("localhost")) as other:
        assert read_when_due(url(other, scheme="imap"), at=at) == 0
        assert state(url(other, scheme="imap")) == (None, "")


class Crash(Exception):
    """The worker dies."""


@pytest.mark.databases
def test_a_crash_between_marking_and_flagging_counts_nothing_twice(
    server: ImapServer, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mail,) = sent(at, 1)
    server.deliver(notification(message_id(mail)))

    def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as dying:
        dying.setattr(bounce_mailbox._Mailbox, "flag_seen", die)
        with pytest.raises(Crash):
            read_when_due(url(server), at=at)
    assert (states(), server.flags()) == (["undelivered"], [False])
    assert read_when_due(url(server), at=at + LEASE / 2) == 0, "the dead worker's lease runs"

    @action
    def try_again() -> int:
        return decisions.queue_again([mail.id], at=at)

    assert try_again() == 1
    assert sending.send_due(lambda mail: None, at=at) == 1
    assert read_when_due(url(server), at=at + LEASE) == 0
    assert (states(), server.flags()) == (["sent"], [True]), "what is known already does not fail the new attempt"


@pytest.mark.databases(differs=True)
def test_one_worker_reads_at_a_time(server: ImapServer, at: datetime) -> None:
    name = MailboxAddress.of(url(server)).digest
    assert claim(name, at=at) is not None
    assert claim(name, at=at + LEASE / 2) is None
    assert read_when_due(url(server), at=at + LEASE / 2) == 0
    assert server.connections == 0


def test_a_large_mailbox_is_read_bit_by_bit(server: ImapServer, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounce_mailbox, "WINDOW", 2)
    monkeypatch.setattr(bounce_mailbox, "MOST_NOTIFICATIONS", 3)
    mails = sent(at, *range(1, 6))
    for mail in mails:
        server.deliver(holiday(mail), notification(message_id(mail)))
    assert read_when_due(url(server), at=at) == 3
    assert read_when_due(url(server), at=at) == 2, "the rest is due at once"
    assert read_when_due(url(server), at=at) == 0


def test_a_mailbox_that_was_made_anew_is_read_from_the_start(
    server: ImapServer, authority: Authority, at: datetime
) -> None:
    mails = sent(at, 1, 2)
    server.deliver(notification(message_id(mails[0])), holiday(mails[0]))
    assert read_when_due(url(server), at=at) == 1
    row = mailbox_state(MailboxAddress.of(url(server)).digest)
    assert row is not None
    assert row.last_uid >= 2

    @action
    def of_another_time() -> None:
        changed = mailbox_state(MailboxAddress.of(url(server)).digest)
        assert changed is not None
        changed.uid_validity, changed.last_uid = 1, 1_000_000

    of_another_time()
    server.deliver(notification(message_id(mails[1])))
    assert read_when_due(url(server), at=at + EVERY) == 1


def test_a_large_notification_is_read_as_far_as_it_says_why(server: ImapServer, at: datetime) -> None:
    (mail,) = sent(at, 1)
    large = notification(message_id(mail)).replace(b"\nText\n", b"\n" + b"Text and more\n" * 200_000)
    server.deliver(large)
    assert read_when_due(url(server), at=at) == 1


def test_the_worker_reads_it_and_goes_on_after_an_error(
    app: APIFlask, server: ImapServer, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = sent(at, 1)
    server.deliver(notification(message_id(mails[0])))
    monkeypatch.setattr(app.extensions["lms.config"], "bounce_url", "")
    (task,) = (task for task in recurring.list_tasks() if task.name == "returned mail")
    rounds = recurring.Rounds([replace(task, every=0)])
    rounds.run_due()
    assert server.connections == 1, "without a setting nobody looks"
    monkeypatch.setattr(app.extensions["lms.config"], "bounce_url", url(server))
    asked: list[str] = []

    def fail_first(address: str, *, at: datetime) -> int:
        asked.append(address)
        if len(asked) == 1:
            raise Crash
        return read_when_due(address, at=at)

    monkeypatch.setattr(bounce_mailbox, "read_when_due", fail_first)
    rounds.run_due()
    rounds.run_due()
    assert states() == ["undelivered"]


# What goes wrong is said once, without the password


def wrong_password(server: ImapServer) -> str:
    return url(server).replace(ADDRESS.partition(":")[2], "s3cr3t")


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        (wrong_password, MailboxFault.SIGN_IN),
        (lambda server: url(server, "/Nowhere"), MailboxFault.NO_FOLDER),
        (lambda server: url(server, host="127.0.0.1"), MailboxFault.NOT_TRUSTED),
        (lambda server: url(server, scheme="imap"), MailboxFault.NO_ANSWER),
        (lambda server: f"imaps://{ADDRESS}@localhost:1", MailboxFault.NO_ANSWER),
    ],
    ids=["password", "folder", "certificate", "no IMAP without TLS", "nobody there"],
)
def test_what_is_wrong_is_logged_once_and_shown_without_the_password(
    server: ImapServer,
    at: datetime,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    address: Callable[[ImapServer], str],
    fault: MailboxFault,
) -> None:
    if fault is MailboxFault.NO_ANSWER:
        monkeypatch.setattr(bounce_mailbox, "ANSWER_SECONDS", 0.4)
    logs.configure("INFO")
    asked = address(server)
    for turn in range(3):
        assert read_when_due(asked, at=at + turn * EVERY) == 0
    said = capfd.readouterr().err
    assert said.count('"event": "bounce mailbox cannot be read"') == 1
    found, words = state(asked)
    assert found is fault
    assert not any(secret in said + words for secret in (PASSWORD, "s3cr3t", ADDRESS))


def test_a_server_without_starttls_is_never_told_the_password(at: datetime) -> None:
    with ImapServer() as plain:
        assert read_when_due(url(plain, scheme="imap"), at=at) == 0
        assert state(url(plain, scheme="imap"))[0] is MailboxFault.NOT_TRUSTED


def test_it_is_said_when_the_mailbox_can_be_read_again(
    server: ImapServer, at: datetime, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.configure("INFO")
    with monkeypatch.context() as untrusting:
        untrusting.delenv("SSL_CERT_FILE")
        read_when_due(url(server), at=at)
    assert state(url(server))[0] is MailboxFault.NOT_TRUSTED
    read_when_due(url(server), at=at + EVERY)
    assert state(url(server)) == (None, "")
    assert '"event": "bounce mailbox can be read again"' in capfd.readouterr().err


@pytest.mark.parametrize(
    "answers",
    [
        [b"220 smtp.example ESMTP\r\n"],
        [b"\xff\xfe\x00\r\n" * 100],
        [b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n", b"* BYE and gone\r\n"],
        [b"* PREAUTH you are in, without a word about TLS\r\n"],
        [b"* OK {999999999}\r\n"],
    ],
    ids=["SMTP", "rubbish", "bye", "signed in before TLS", "huge"],
)
def test_what_is_no_mailbox_stops_nothing(answers: list[bytes], at: datetime) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _from = listening.accept()
        for answer in answers:
            connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    address = f"imap://{ADDRESS}@127.0.0.1:{listening.getsockname()[1]}"
    assert read_when_due(address, at=at) == 0
    assert state(address)[0] in {MailboxFault.NO_ANSWER, MailboxFault.NOT_TRUSTED, MailboxFault.NOT_UNDERSTOOD}
    thread.join(60)
    listening.close()


@each_row(
    "value",
    [
        "imaps://host",
        "imaps://user@host",
        "pop3://u:p@host",
        "imaps://u:p@",
        "imaps://u:p%0d%0aA1@host",
        "imap://u:p@h:x",
    ],
)
def test_a_setting_that_names_no_mailbox_is_refused_without_repeating_it(value: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"^LMS_BOUNCE_URL cannot be used: ") as refusal:
        Config.load({}, data=str(tmp_path), bounce_url=value)
    assert value not in str(refusal.value)


def test_the_lease_is_longer_than_one_reading() -> None:
    assert timedelta(seconds=bounce_mailbox.CUT_SECONDS) < LEASE
