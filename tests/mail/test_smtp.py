"""Mail leaves over one checked, encrypted connection: against a real SMTP server with certificates of our own."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from apiflask import APIFlask
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lms.config import BadSetting, Config
from lms.core.base import logs
from lms.core.database.session import action, db
from lms.mail import outbox, rendering, sending
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.reasons import MailReason
from lms.mail.smtp import MailServer, UntrustedMailServer, letter_of
from tests.ports import free_port
from tests.rows import each_row


class Authority:
    """A certificate authority, and servers' certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._make("Test authority", self._key, names=(), is_authority=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _make(
        self, subject: str, key: ec.EllipticCurvePrivateKey, *, names: tuple[str, ...], is_authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(own if is_authority else self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def context(self, host: str) -> ssl.SSLContext:
        """What a server of this name shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        shown = self._make(host, key, names=(host,)).public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self.folder / f"{host}.pem"
        file.write_bytes(shown + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


class Sink:
    """Keeps the ids of mails, by connection, and whether each came over TLS. `drops` closes connections at will."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.over_tls: list[bool] = []
        self.connections: set[int] = set()
        self.signed_in: list[bytes] = []
        self.drops: Callable[[str], bool] = lambda stage: False
        self.closing = False
        self.refuses: dict[str, str] = {}
        """The answer to MAIL, to DATA, to an address, or once to the `content for` an address."""
        self.answers_after: threading.Event | None = None

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if self.drops("between"):
            server.transport.abort()
        if self.closing:
            self.closing = False
            return "421 too many mails on this connection"
        if self.refuses.get("MAIL"):
            return self.refuses["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.drops("inside"):
            server.transport.abort()
            return "250 never seen"
        if self.refuses.get("DATA"):
            return self.refuses["DATA"]
        if f"content for {envelope.rcpt_tos[0]}" in self.refuses:
            return self.refuses.pop(f"content for {envelope.rcpt_tos[0]}")
        if self.answers_after is not None and not await asyncio.to_thread(self.answers_after.wait, 10):
            return "451 nobody went on"
        text = envelope.content.decode()
        self.ids.append(next(line for line in text.splitlines() if line.startswith("Message-ID: ")))
        self.over_tls.append(session.ssl is not None)
        self.connections.add(id(session))
        self.sessions = [*getattr(self, "sessions", []), session]  # kept, so that no id is used twice
        return "250 OK"


Start = Callable[..., int]


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def start(sink: Sink) -> Iterator[Start]:
    """Starts mail servers, which end with the test."""
    running: list[Controller] = []

    def run(**options: Any) -> int:
        port = free_port()
        controller = Controller(sink, hostname="127.0.0.1", port=port, server_hostname="sink", **options)
        controller.start()
        running.append(controller)
        return port

    yield run
    for controller in running:
        controller.stop()


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' authority is trusted, as one of the organisation's own would be."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


def message(number: int = 1) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "from@x.example", "to@x.example", "Hello"
    made["Message-ID"] = f"<{number}@x.example>"
    made.set_content("Hello.\n")
    return made


def send(address: str, *numbers: int) -> None:
    with MailServer(address) as server:
        for number in numbers:
            server.send(letter_of(message(number)))


@pytest.mark.usefixtures("trusting")
def test_a_server_that_offers_starttls_is_used_over_tls(start: Start, sink: Sink, authority: Authority) -> None:
    port = start(tls_context=authority.context("localhost"))
    send(f"smtp://localhost:{port}", 1)
    send(f"smtp://localhost:{port}?tls=required", 2)
    assert sink.over_tls == [True, True]


@pytest.mark.usefixtures("trusting")
def test_smtps_is_encrypted_from_the_start_and_checked(start: Start, sink: Sink, authority: Authority) -> None:
    port = start(ssl_context=authority.context("localhost"))
    send(f"smtps://localhost:{port}", 1)
    with pytest.raises(UntrustedMailServer, match="IP address mismatch"):
        send(f"smtps://127.0.0.1:{port}", 2)
    assert len(sink.ids) == 1


@pytest.mark.usefixtures("trusting")
def test_a_certificate_of_another_host_is_refused_and_says_so(
    start: Start, sink: Sink, authority: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("INFO")
    port = start(tls_context=authority.context("mail.elsewhere.example"))
    with pytest.raises(UntrustedMailServer) as refusal:
        send(f"smtp://localhost:{port}", 1)
    reason = "Hostname mismatch, certificate is not valid for 'localhost'."
    assert str(refusal.value) == f"The certificate of localhost is not trusted: {reason}"
    assert '"event": "mail server cannot be used"' in capfd.readouterr().err
    assert sink.ids == []


def test_a_certificate_of_an_unknown_authority_is_refused(start: Start, sink: Sink, authority: Authority) -> None:
    port = start(tls_context=authority.context("localhost"))
    with pytest.raises(UntrustedMailServer, match=r"^The certificate of localhost is not trusted: (unable|self)"):
        send(f"smtp://localhost:{port}", 1)
    assert sink.ids == []


def test_without_starttls_mail_goes_plain_unless_tls_is_required(start: Start, sink: Sink) -> None:
    port = start()
    send(f"smtp://localhost:{port}", 1)
    with pytest.raises(UntrustedMailServer, match=r"^localhost does not offer STARTTLS, and LMS_MAIL_URL requires it$"):
        send(f"smtp://localhost:{port}?tls=required", 2)
    assert sink.over_tls == [False]


def test_tls_off_sends_plain_also_where_tls_is_offered(start: Start, sink: Sink, authority: Authority) -> None:
    port = start(tls_context=authority.context("localhost"))
    send(f"smtp://localhost:{port}?tls=off", 1)
    assert sink.over_tls == [False]


def test_a_password_is_never_sent_in_plain_text_unasked(start: Start, sink: Sink) -> None:
    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        sink.signed_in.append(data.password)
        return AuthResult(success=True)

    port = start(authenticator=authenticate, auth_require_tls=False)
    with pytest.raises(UntrustedMailServer, match=r"STARTTLS, and the password would be readable$"):
        send(f"smtp://user:p%40ss@localhost:{port}", 1)
    assert sink.signed_in == []
    send(f"smtp://user:p%40ss@localhost:{port}?tls=off", 1)
    assert (sink.signed_in, len(sink.ids)) == ([b"p@ss"], 1)


class DsnSink(Sink):
    """It says that it tells what becomes of mails (RFC 3461)."""

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, host: str, responses: list[str]
    ) -> list[str]:
        session.host_name = host
        return [*responses[:-1], "250-DSN", responses[-1]]


class DsnController(Controller):
    """Its server notes what it is told of mails, in capitals, and keeps it from what knows nothing of it."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self.told: list[str] = []
        super().__init__(*given, **options)

    def factory(self) -> SMTP:
        told = self.told

        class Server(SMTP):
            def _getparams(self, params: Any) -> Any:
                told.extend(params)
                names = ("RET=", "ENVID=", "NOTIFY=", "ORCPT=")
                return super()._getparams([one for one in params if not one.startswith(names)])

        return Server(self.handler, **self.SMTP_kwargs)


def test_a_server_that_says_what_became_of_a_mail_is_told_which_it_was() -> None:
    port = free_port()
    controller = DsnController(DsnSink(), hostname="127.0.0.1", port=port, server_hostname="sink")
    controller.start()
    try:
        sent = message()
        sent.replace_header("To", "a+b@x.example")
        sent.replace_header("Message-ID", "<12.0123456789abcdef0123456789abcdef@x.example>")
        with MailServer(f"smtp://127.0.0.1:{port}?tls=off") as server:
            server.send(letter_of(sent))
    finally:
        controller.stop()
    assert [one for one in controller.told if not one.startswith("SIZE=")] == [
        "RET=HDRS", "ENVID=12.0123456789ABCDEF0123456789ABCDEF", "NOTIFY=FAILURE", "ORCPT=RFC822;A+2BB@X.EXAMPLE",
    ]  # fmt: skip


# Many mails


@pytest.fixture
def outgoing(app: APIFlask, start: Start, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Posts mails, and drains the outbox to the sink."""
    config = app.extensions["lms.config"]
    monkeypatch.setattr(config, "mail_url", f"smtp://127.0.0.1:{start()}")

    def drain(at: datetime) -> int:
        with app.app_context(), rendering.sender(app) as send:
            tried = 0
            while count := sending.send_due(send, at=at):
                tried += count
            return tried

    return drain


@action
def post(count: int, at: datetime) -> None:
    for number in range(count):
        payload = {"full_name": "Ana", "secret": "s"}
        outbox.post_mail("sign_in", address=f"{number}@x.example", payload=payload, dedupe_key=f"k{number}", at=at)


def errors() -> list[str | None]:
    query = db.session.query(OutboxMail).filter(OutboxMail.sent_at.is_(None)).order_by(OutboxMail.id)
    found = [row.error for row in query]
    db.session.rollback()
    return found


@pytest.mark.usefixtures("context")
def test_a_hundred_mails_go_over_one_connection(
    outgoing: Callable[..., int], sink: Sink, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BATCH_SECONDS", 600)  # a slow machine gives nothing back
    post(100, at)
    assert outgoing(at) == 100
    assert (len(sink.ids), len(set(sink.ids)), len(sink.connections)) == (100, 100, 1)


@pytest.mark.usefixtures("context")
def test_a_connection_closed_between_two_mails_is_opened_again(
    outgoing: Callable[..., int], sink: Sink, at: datetime
) -> None:
    turns = iter([False, False, True])
    sink.drops = lambda stage: stage == "between" and next(turns, False)
    post(10, at)
    assert outgoing(at) == 10
    assert (len(sink.ids), len(set(sink.ids)), len(sink.connections), errors()) == (10, 10, 2, [])


@pytest.mark.usefixtures("context")
def test_a_server_that_takes_no_more_on_a_connection_gets_another(
    outgoing: Callable[..., int], sink: Sink, at: datetime
) -> None:
    post(3, at)

    turns = iter([False, True])

    def close_at_the_second(stage: str) -> bool:
        sink.closing = stage == "between" and next(turns, False)
        return False

    sink.drops = close_at_the_second
    assert outgoing(at) == 3
    assert (len(sink.ids), len(set(sink.ids)), len(sink.connections), errors()) == (3, 3, 2, [])


@pytest.mark.usefixtures("context")
def test_a_connection_that_breaks_inside_a_mail_sends_it_later_and_each_once(
    outgoing: Callable[..., int], sink: Sink, at: datetime
) -> None:
    turns = iter([False, False, True])
    sink.drops = lambda stage: stage == "inside" and next(turns, False)
    post(10, at)
    assert outgoing(at) == 10
    assert len(sink.ids) == 9
    assert errors() == ["SMTPServerDisconnected: Connection unexpectedly closed"]
    assert outgoing(at + timedelta(hours=1)) == 1
    assert (len(sink.ids), len(set(sink.ids)), errors()) == (10, 10, [])


@pytest.mark.usefixtures("context")
def test_a_server_that_is_away_is_tried_once_a_drain(
    app: APIFlask, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[tuple[Any, ...]] = []

    class Away(smtplib.SMTP):
        def __init__(self, *args: Any, **options: Any) -> None:
            tries.append((*args, options["timeout"]))
            raise TimeoutError("timed out")

    monkeypatch.setattr(smtplib, "SMTP", Away)
    monkeypatch.setattr(app.extensions["lms.config"], "mail_url", "smtp://mail.example:2525")
    post(30, at)
    with rendering.sender(app) as send:
        while sending.send_due(send, at=at):
            pass
    assert tries == [("mail.example", 2525, 20)]
    assert errors() == ["TimeoutError: timed out"] * 30


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        ("550 5.1.1 no such user", MailState.FAILED, MailReason.NO_SUCH_ADDRESS),
        ("550 no such user", MailState.FAILED, MailReason.NO_SUCH_ADDRESS),
        ("550 5.7.1 relaying denied", MailState.FAILED, MailReason.REFUSED),
        ("552 5.2.2 mailbox full", MailState.FAILED, MailReason.MAILBOX_FULL),
        ("450 4.2.1 try again later", MailState.QUEUED, MailReason.NO_SUCH_ADDRESS),
        ("452 4.2.2 mailbox full", MailState.QUEUED, MailReason.MAILBOX_FULL),
        ("451 4.7.1 greylisted", MailState.QUEUED, MailReason.REFUSED),
    ],
)
def test_one_address_that_is_refused_is_final_or_tried_again_and_holds_up_nobody(
    outgoing: Callable[..., int], sink: Sink, at: datetime, answer: str, state: MailState, reason: MailReason
) -> None:
    sink.refuses = {"1@x.example": answer}
    post(3, at)
    assert outgoing(at) == 3
    assert (len(sink.ids), len(sink.connections), errors()) == (2, 1, [answer])
    row = db.session.query(OutboxMail).filter_by(address="1@x.example").one()
    assert (row.state, row.reason, row.attempts) == (state, reason, 1)
    sink.refuses = {}
    assert outgoing(at + timedelta(hours=1)) == (1 if state is MailState.QUEUED else 0)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    ("stage", "answer", "state", "reason"),
    [
        ("MAIL", "550 5.7.1 you may not send", MailState.QUEUED, MailReason.NO_ANSWER),
        ("MAIL", "552 5.3.4 too large", MailState.FAILED, MailReason.TOO_LARGE),
        ("DATA", "552 too large", MailState.FAILED, MailReason.TOO_LARGE),
        ("DATA", "554 5.7.1 looks like spam", MailState.FAILED, MailReason.REFUSED),
        ("DATA", "451 4.3.0 try again", MailState.QUEUED, MailReason.REFUSED),
    ],
)
def test_what_we_are_not_allowed_is_tried_again_and_what_a_mail_is_may_be_final(
    outgoing: Callable[..., int],
    sink: Sink,
    at: datetime,
    stage: str,
    answer: str,
    state: MailState,
    reason: MailReason,
) -> None:
    """A sender that the server does not know is a wrong setting: no mail is lost by it."""
    sink.refuses = {stage: answer}
    post(1, at)
    assert outgoing(at) == 1
    row = db.session.query(OutboxMail).one()
    assert (row.state, row.reason) == (state, reason)
    assert answer[:3] in (row.error or "")


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("answer", ["554 5.7.1 looks like spam", "451 4.3.0 try again"])
def test_a_refusal_after_the_content_is_about_that_mail_alone(
    outgoing: Callable[..., int], sink: Sink, at: datetime, answer: str
) -> None:
    post(4, at)
    sink.refuses = {"content for 1@x.example": answer, "content for 3@x.example": answer}
    assert outgoing(at) == 4
    query = db.session.query(OutboxMail).order_by(OutboxMail.id)
    assert [row.error for row in query] == [None, answer, None, answer]
    assert (len(sink.ids), len(sink.connections)) == (2, 1)


@pytest.mark.usefixtures("context")
def test_a_server_that_closes_instead_of_taking_a_mail_gets_it_on_another_connection(
    outgoing: Callable[..., int], sink: Sink, at: datetime
) -> None:
    post(4, at)
    sink.refuses = {"content for 1@x.example": "421 closing", "content for 3@x.example": "421 closing"}
    assert outgoing(at) == 4
    assert (len(sink.ids), len(set(sink.ids)), len(sink.connections), errors()) == (4, 4, 3, [])


@each_row(
    "address", ["http://x", "smtp://x?tls=maybe", "smtp://x?tls=", "smtps://x?tls=off", "smtp://x?tls=off&tls=required"]
)
def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(BadSetting, match=r"^LMS_MAIL_URL cannot be used: smtp://host:port"):
        Config({"LMS_MAIL_URL": address})
