"""One connection to the mail server, kept for many mails, over TLS wherever the server offers it."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import structlog

TIMEOUT_SECONDS = 20
"""For connecting, and for each answer of the server."""
_CLOSING = 421
log = structlog.get_logger(__name__)


class UntrustedMailServer(OSError):
    """The mail server's certificate is not trusted, or the server offers no TLS where it is needed."""


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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def probe(self) -> None:
        """Connects as for a mail, and sends nothing. Raises OSError where no mail could be sent."""
        self._connect().noop()

    def send(self, message: EmailMessage) -> None:
        """Hands one mail to the server. Raises OSError (smtplib's errors are such) when the server did not take it.

        The mail is sent again at once only when the server surely did not take it: the kept connection was closed
        before the mail began, or the server refused it because it is closing the connection.
        """
        is_kept = self._connection is not None and self._is_open(self._connection)
        connection = self._connection if is_kept else None
        try:
            self._hand_over(connection or self._connect(), message)
        except smtplib.SMTPResponseException as error:
            if error.smtp_code != _CLOSING:
                raise
            self._drop()
            if not is_kept:
                raise
            self._hand_over(self._connect(), message)

    def _hand_over(self, connection: smtplib.SMTP, message: EmailMessage) -> None:
        try:
            connection.send_message(message)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
            raise  # this mail was refused, the connection is as good as before
        except OSError:
            self._drop()
            raise

    @staticmethod
    def _is_open(connection: smtplib.SMTP) -> bool:
        try:
            return connection.noop()[0] == 250
        except OSError:
            return False

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
                self._host, self._port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            connection = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.ehlo_or_helo_if_needed()
            if not self._tls_from_start and self._tls != "off":
                self._start_tls(connection)
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
