"""One connection to the mail server, kept for many mails, over TLS wherever the server offers it."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
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
"""For one mail in all, whatever it takes to connect: less than the lease of `core.outbox`."""
_CLOSING = 421
log = structlog.get_logger(__name__)


class UntrustedMailServer(OSError):
    """The mail server's certificate is not trusted, or the server offers no TLS where it is needed."""


class _NotTaken(OSError):
    """The server was gone before it heard of a mail, or refused it because it is going."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Envelope:
    """A mail, whom it is from and whom it is for, and how it is handed over step by step."""

    def __init__(self, sender: str, reader: str, message: EmailMessage) -> None:
        self._sender, self._reader, self._message = sender, reader, message

    def steps(self, connection: smtplib.SMTP) -> Iterator[Callable[[], tuple[int, bytes]]]:
        """Each step returns the code of the server's answer and its text."""
        is_ascii = self._reader.isascii() and self._sender.isascii()
        if not is_ascii and not connection.has_extn("smtputf8"):
            raise MailRefused(550, "5.6.7 The mail server takes no addresses beyond ASCII")
        content = BytesIO()
        BytesGenerator(content, policy=POLICY if is_ascii else POLICY_BEYOND_ASCII).flatten(self._message)
        options = [] if is_ascii else ["SMTPUTF8", "BODY=8BITMIME"]
        if is_ascii and connection.has_extn("size"):
            options = [f"SIZE={content.tell()}"]
        yield lambda: connection.mail(self._sender, options)
        yield lambda: connection.rcpt(self._reader)
        yield lambda: connection.data(content.getvalue())


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
        """Hands one mail to the server. Raises OSError (smtplib's errors are such) when the server did not take it, and
        MailRefused where it was refused for what it is or for its address.

        `sender` gets what comes back; otherwise who the mail is from. The mail is sent again at once only when the
        server surely did not take it: the kept connection was closed before the mail began, or the server refused it
        because it is closing the connection.
        """
        self._until = time.monotonic() + MAIL_SECONDS
        reader = message["To"].addresses[0].addr_spec
        envelope = _Envelope(sender or message["From"].addresses[0].addr_spec, reader, message)
        kept = self._connection
        try:
            try:
                self._hand_over(kept or self._connect(), envelope)
            except _NotTaken:
                if kept is None:
                    raise
                self._hand_over(self._connect(), envelope)
        except _NotTaken as error:
            raise error.cause from None

    def _hand_over(self, connection: smtplib.SMTP, envelope: _Envelope) -> None:
        begun = False
        try:
            for step in envelope.steps(connection):
                self._limit(connection)
                code, answer = step()
                if code == _CLOSING:
                    raise _NotTaken(smtplib.SMTPServerDisconnected(f"{code} {_text(answer)}"))
                if code not in (250, 251):
                    self._refuse(connection, code, _text(answer), is_about_sender=not begun)
                begun = True
        except (MailRefused, smtplib.SMTPSenderRefused, smtplib.SMTPNotSupportedError):
            raise  # this mail was refused, the connection is as good as before
        except _NotTaken:
            self._drop()
            raise
        except smtplib.SMTPDataError as error:  # not even the word DATA was taken
            self._refuse(connection, error.smtp_code, _text(error.smtp_error), is_about_sender=False)
        except OSError as error:
            self._drop()
            if begun:
                raise
            raise _NotTaken(error) from error

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
        if self._connection is None:
            return
        try:
            self._connection.quit()
        except OSError:
            self._drop()
        self._connection = None
