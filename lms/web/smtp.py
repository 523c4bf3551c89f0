"""One connection to the mail server, kept for many mails, over TLS wherever the server offers it."""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.generator import BytesGenerator
from email.message import EmailMessage
from io import BytesIO
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import structlog

from lms.core.mail_reasons import MailReason, MailRefused
from lms.web.mail_policy import POLICY, POLICY_BEYOND_ASCII

TIMEOUT_SECONDS = 20
"""For connecting, and for each answer of the server."""
MAIL_SECONDS = 60
"""For one mail in all, whatever it takes to connect: less than the lease of `core.mail_sending`."""
_AT_LEAST_SECONDS = 1
"""For an answer, however long the next mail took to write: it may have been there all the while."""
_CLOSING = 421
_ENVELOPE_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)
log = structlog.get_logger(__name__)


class UntrustedMailServer(OSError):
    """The mail server's certificate is not trusted, or the server offers no TLS where it is needed."""


class _NotTaken(OSError):
    """The server was gone before it heard of a mail, or refused it because it is going."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(frozen=True)
class Letter:
    """A mail as it goes over the line, who gets what comes back of it, and whom it is for."""

    sender: str
    reader: str
    content: bytes
    envelope_id: str = ""
    """What names the mail where the server says that it came back (RFC 3461)."""

    @property
    def is_ascii(self) -> bool:
        """Whether both addresses are, so that each mail server takes them."""
        return self.reader.isascii() and self.sender.isascii()


def letter_of(message: EmailMessage, *, sender: str | None = None) -> Letter:
    """The letter of a message. `sender` gets what comes back; otherwise who the message is from."""
    sender = sender or message["From"].addresses[0].addr_spec
    reader = message["To"].addresses[0].addr_spec
    content = BytesIO()
    policy = POLICY if reader.isascii() and sender.isascii() else POLICY_BEYOND_ASCII
    BytesGenerator(content, policy=policy).flatten(message)
    return Letter(sender, reader, content.getvalue(), envelope_id(message["Message-ID"]))


def envelope_id(message_id: str | None) -> str:
    """What of a Message-ID can be an envelope id as it is; nothing where it is none of ours."""
    name = str(message_id or "").strip("<>").rpartition("@")[0]
    return name if _ENVELOPE_ID.fullmatch(name) else ""


@dataclass
class _Pending:
    """A letter whose last word the server has, and whose answer is still to be read. `error`: what came of it."""

    letter: Letter
    until: float
    may_repeat: bool
    is_over: bool = False
    error: OSError | None = None


def _mail_from(connection: smtplib.SMTP, letter: Letter, options: list[str]) -> tuple[int, bytes]:
    """Addresses are known to be such; smtplib would parse each once more, which takes longer than to send it."""
    if not letter.is_ascii:
        return connection.mail(letter.sender, options)  # which sets how commands are encoded from then on
    return connection.docmd("MAIL", " ".join([f"FROM:<{letter.sender}>", *options]))


def _on_the_line(content: bytes) -> bytes:
    """What is sent after DATA: no line is a point alone but the last one (RFC 5321, 4.5.2)."""
    ended = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended) + b".\r\n"


def _xtext(text: str) -> str:
    """A text as a parameter of SMTP (RFC 3461)."""
    return "".join(one if "!" <= one <= "~" and one not in "+=" else f"+{ord(one):02X}" for one in text)


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


class MailServer:
    """The mail server of an address such as `smtp://user:pass@host:587?tls=required`.

    Connects at the first mail. When it cannot connect, each further mail fails at once with the same error, so that a
    server that is away is not waited for mail by mail: make a new object for the next try.
    """

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self._host = url.hostname or "localhost"
        self._port = url.port or 0
        self._user = unquote(url.username or "")
        self._password = unquote(url.password or "")
        self._tls_from_start = url.scheme == "smtps"
        self._tls = parse_qs(url.query).get("tls", [""])[0]
        self._connection: smtplib.SMTP | None = None
        self._failure: OSError | None = None
        self._pending: _Pending | None = None
        self._until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def probe(self) -> None:
        """Connects as for a mail, and sends nothing. Raises OSError where no mail could be sent."""
        self._until = time.monotonic() + MAIL_SECONDS
        self._connect().noop()

    def send(self, message: EmailMessage, *, sender: str | None = None) -> None:
        """Sends the message and waits for the server's reply. Raises as `begin` and what it returns."""
        self.begin(letter_of(message, sender=sender))()

    def begin(self, letter: Letter) -> Callable[[], None]:
        """Sends the message; the returned callable waits for the server's reply.

        The answer to the mail before is read first: until then, the caller had time to write this one. Both raise
        OSError (smtplib's errors are such) when the server did not take this mail, and MailRefused where it was refused
        for what it is or for its address.

        A mail is sent again at once only when the server surely did not take it: the kept connection was closed before
        the mail began, or the server refused it because it is closing the connection.
        """
        until = time.monotonic() + MAIL_SECONDS
        self._settle()
        self._until = until
        kept = self._connection
        pending = _Pending(letter, until, may_repeat=kept is not None)
        try:
            try:
                self._hand_over(kept or self._connect(), letter)
            except _NotTaken:
                if kept is None:
                    raise
                pending.may_repeat = False
                self._hand_over(self._connect(), letter)
        except _NotTaken as error:
            raise error.cause from None
        self._pending = pending
        return lambda: self._finish(pending)

    def _finish(self, pending: _Pending) -> None:
        if not pending.is_over:
            self._settle()
        if pending.error is not None:
            raise pending.error

    def _settle(self) -> None:
        """Reads the answer that is still to come, if there is one."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        self._until = max(pending.until, time.monotonic() + _AT_LEAST_SECONDS)
        try:
            try:
                self._read_answer()
            except _NotTaken:
                if not pending.may_repeat:
                    raise
                self._hand_over(self._connect(), pending.letter)
                self._read_answer()
        except _NotTaken as error:
            pending.error = error.cause
        except OSError as error:
            pending.error = error
        pending.is_over = True

    def _read_answer(self) -> None:
        connection = self._connection
        if connection is None:
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        try:
            self._limit(connection)
            self._check(connection, *connection.getreply(), is_about_sender=False)
        except MailRefused:
            raise  # the connection is as good as before
        except OSError:
            self._drop()
            raise

    def _hand_over(self, connection: smtplib.SMTP, letter: Letter) -> None:
        if not letter.is_ascii and not connection.has_extn("smtputf8"):
            raise MailRefused(550, "5.6.7 The mail server takes no addresses beyond ASCII")
        options = [] if letter.is_ascii else ["SMTPUTF8", "BODY=8BITMIME"]
        if letter.is_ascii and connection.has_extn("size"):
            options = [f"SIZE={len(letter.content)}"]
        notify: list[str] = []
        if connection.has_extn("dsn"):  # RFC 3461: what comes back names the mail, and returns no more than its head
            options += ["RET=HDRS", *([f"ENVID={letter.envelope_id}"] if letter.envelope_id else [])]
            notify = ["NOTIFY=FAILURE", *([f"ORCPT=rfc822;{_xtext(letter.reader)}"] if letter.is_ascii else [])]
        begun = False
        try:
            self._limit(connection)
            self._check(connection, *_mail_from(connection, letter, options), is_about_sender=True)
            begun = True
            self._limit(connection)
            reader = " ".join([f"TO:<{letter.reader}>", *notify])
            self._check(connection, *connection.docmd("RCPT", reader), is_about_sender=False)
            self._limit(connection)
            self._check(connection, *connection.docmd("DATA"), is_about_sender=False, expected=(354,))
            self._limit(connection)
            connection.send(_on_the_line(letter.content))
        except (MailRefused, smtplib.SMTPSenderRefused, smtplib.SMTPNotSupportedError):
            raise  # this mail was refused, the connection is as good as before
        except _NotTaken:
            self._drop()
            raise
        except OSError as error:
            self._drop()
            if begun:
                raise
            raise _NotTaken(error) from error

    def _check(
        self,
        connection: smtplib.SMTP,
        code: int,
        answer: bytes | str,
        *,
        is_about_sender: bool,
        expected: Sequence[int] = (250, 251),
    ) -> None:
        """Raises where the server answered anything else than what is expected of it."""
        if code == _CLOSING:
            raise _NotTaken(smtplib.SMTPServerDisconnected(f"{code} {_text(answer)}"))
        if code not in expected:
            self._refuse(connection, code, _text(answer), is_about_sender=is_about_sender)

    def _refuse(self, connection: smtplib.SMTP, code: int, answer: str, *, is_about_sender: bool) -> None:
        try:
            connection.rset()
        except OSError:
            self._drop()
        refusal = MailRefused(code, answer)
        if is_about_sender and refusal.reason is not MailReason.TOO_LARGE:  # another try, with other settings, may help
            raise smtplib.SMTPSenderRefused(code, answer.encode(), "")
        raise refusal

    def _seconds(self) -> float:
        """How long the next answer may take."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mail server is too slow")
        return min(TIMEOUT_SECONDS, left)

    def _limit(self, connection: smtplib.SMTP) -> None:
        if connection.sock is not None:
            connection.sock.settimeout(self._seconds())

    def _connect(self) -> smtplib.SMTP:
        self._drop()
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        try:
            self._connection = self._open()
        except ssl.SSLCertVerificationError as error:
            reason = f"The certificate of {self._host} is not trusted: {error.verify_message}"
            self._failure = UntrustedMailServer(reason)
        except OSError as error:
            self._failure = error
        else:
            return self._connection
        log.error("mail server cannot be used", host=self._host, port=self._port, reason=str(self._failure))
        raise self._failure

    def _open(self) -> smtplib.SMTP:
        """A connection on which mail can be sent: encrypted, if it can be, and signed in, if there is a user."""
        if self._tls_from_start:
            context = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._seconds(), context=context
            )
        else:
            connection = smtplib.SMTP(self._host, self._port, timeout=self._seconds())
        try:
            self._limit(connection)
            connection.ehlo_or_helo_if_needed()
            self._limit(connection)
            if not self._tls_from_start and self._tls != "off":
                self._start_tls(connection)
            self._limit(connection)
            if self._user:
                connection.login(self._user, self._password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _start_tls(self, connection: smtplib.SMTP) -> None:
        if connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo_or_helo_if_needed()
        elif self._tls == "required" or self._user:
            needed_for = "LMS_MAIL_URL requires it" if self._tls == "required" else "the password would be readable"
            raise UntrustedMailServer(f"{self._host} does not offer STARTTLS, and {needed_for}")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Ends the connection, if there is one."""
        self._settle()
        if self._connection is None:
            return
        try:
            self._connection.quit()
        except OSError:
            self._drop()
        self._connection = None
