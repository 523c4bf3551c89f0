"""One connection to the mail server, kept for many mails, over TLS wherever the server offers it."""

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.policy import EmailPolicy
from io import BytesIO
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import structlog

from lms.mail.reasons import MailReason, MailRefused

TIMEOUT_SECONDS = 20
"""For connecting, and for each answer of the server."""
_CLOSING = 421
_ENVELOPE_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)
log = structlog.get_logger(__name__)


class UntrustedMailServer(OSError):
    """The mail server's certificate is not trusted, or the server offers no TLS where it is needed."""


class _Closing(smtplib.SMTPServerDisconnected):
    """The server ended the connection before it took the mail."""


class _MailPolicy(EmailPolicy):
    """As the standard library, but a long `List-Unsubscribe` is not encoded as words, which no mail program reads
    (RFC 8058)."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Returns the header as it is sent."""
        if name.lower() == "list-unsubscribe" and str(value).isascii():
            return f"{name}: {value}\r\n".encode()
        return super().fold_binary(name, value)


POLICY = _MailPolicy(linesep="\r\n", cte_type="7bit")  # a server that offers no 8BITMIME takes nothing else
POLICY_BEYOND_ASCII = _MailPolicy(linesep="\r\n", utf8=True)


@dataclass(frozen=True)
class SmtpMessage:
    """A mail as it is transmitted, who gets its bounces, and whom it is for."""

    sender: str
    reader: str
    content: bytes
    envelope_id: str = ""
    """Names the mail in reports of its delivery (RFC 3461)."""

    @property
    def is_ascii(self) -> bool:
        """Whether both addresses are, so that each mail server takes them."""
        return self.reader.isascii() and self.sender.isascii()


def letter_of(message: EmailMessage) -> SmtpMessage:
    """Returns the message as it is transmitted."""
    sender = message["From"].addresses[0].addr_spec
    reader = message["To"].addresses[0].addr_spec
    content = BytesIO()
    policy = POLICY if reader.isascii() and sender.isascii() else POLICY_BEYOND_ASCII
    BytesGenerator(content, policy=policy).flatten(message)
    return SmtpMessage(sender, reader, content.getvalue(), _envelope_id(message["Message-ID"]))


def _envelope_id(message_id: str | None) -> str:
    """The local part of a Message-ID, or nothing where it has other characters than ours have."""
    name = str(message_id or "").strip("<>").rpartition("@")[0]
    return name if _ENVELOPE_ID.fullmatch(name) else ""


def _xtext(text: str) -> str:
    """A text as a parameter of SMTP (RFC 3461, 4)."""
    return "".join(char if "!" <= char <= "~" and char not in "+=" else f"+{ord(char):02X}" for char in text)


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

    def send(self, letter: SmtpMessage) -> None:
        """Sends the mail and waits until the server has taken it.

        Raises OSError (smtplib's errors are such) when the server did not take it, and MailRefused where it was refused
        for what it is or for its address. A mail is sent again at once only when the server surely did not take it: the
        kept connection was closed before the mail began, or the server refused it because it is closing the connection.
        """
        open_connection = self._connection
        try:
            self._send(open_connection or self._connect(), letter)
        except _Closing:
            if open_connection is None:
                raise
            self._send(self._connect(), letter)

    def _send(self, connection: smtplib.SMTP, letter: SmtpMessage) -> None:
        """Closes the connection after each error but a refusal of this mail."""
        if not letter.is_ascii and not connection.has_extn("smtputf8"):
            raise MailRefused(550, "5.6.7 The mail server takes no addresses beyond ASCII")
        options, notify = _options(connection, letter)
        try:
            try:
                code, answer = connection.mail(letter.sender, options)
            except smtplib.SMTPServerDisconnected as error:
                raise _Closing(*error.args) from error
            if code != 250:
                raise _refusal(code, answer, is_about_sender=True)
            code, answer = connection.rcpt(letter.reader, notify)
            if code not in (250, 251):
                raise _refusal(code, answer)
            try:
                code, answer = connection.data(letter.content)
            except smtplib.SMTPDataError as error:
                raise _refusal(error.smtp_code, error.smtp_error) from error
            if code != 250:
                raise _refusal(code, answer)
        except (MailRefused, smtplib.SMTPSenderRefused):
            self._reset(connection)
            raise
        except OSError:
            self._drop()
            raise

    def _reset(self, connection: smtplib.SMTP) -> None:
        try:
            connection.rset()
        except OSError:
            self._drop()

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
        connection: smtplib.SMTP
        if self._tls_from_start:
            context = ssl.create_default_context()
            connection = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
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


def _options(connection: smtplib.SMTP, letter: SmtpMessage) -> tuple[list[str], list[str]]:
    """The parameters of MAIL and of RCPT. Where the server reports deliveries, the report names the mail and returns
    no more than its headers (RFC 3461)."""
    options = [] if letter.is_ascii else ["SMTPUTF8", "BODY=8BITMIME"]
    if connection.has_extn("size"):
        options.append(f"SIZE={len(letter.content)}")
    if not connection.has_extn("dsn"):
        return options, []
    options += ["RET=HDRS", *([f"ENVID={letter.envelope_id}"] if letter.envelope_id else [])]
    return options, ["NOTIFY=FAILURE", *([f"ORCPT=rfc822;{_xtext(letter.reader)}"] if letter.is_ascii else [])]


def _refusal(code: int, answer: bytes | str, *, is_about_sender: bool = False) -> OSError:
    """The error for an answer. A sender that is refused is a wrong setting: another try may help."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    if code == _CLOSING:
        return _Closing(f"{code} {text}")
    refusal = MailRefused(code, text)
    if is_about_sender and refusal.reason is not MailReason.TOO_LARGE:
        return smtplib.SMTPSenderRefused(code, text.encode(), "")
    return refusal
