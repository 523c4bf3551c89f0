"""Reads the mailbox to which e-mails come back (`LMS_BOUNCE_URL`), by IMAP over TLS.

Only delivery status notifications are read whole; those about mails of ours are flagged as seen. All other messages
are left as they are, and nothing is ever deleted. How far the mailbox was read is kept in `core.bounce_mailbox`.
"""

from __future__ import annotations

import hashlib
import imaplib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import structlog

from lms.core.bounce_mailbox import (
    MailboxFault,
    Position,
    claim,
    is_due,
    note_fault,
    note_position,
    note_read,
)
from lms.web.bounces import MOST_BYTES, BounceOutcome, take_bounce

ANSWER_SECONDS = 20
"""For connecting, and for each part of an answer."""
READING_SECONDS = 45
"""After which no further message is begun."""
CUT_SECONDS = 90
"""After which the connection is closed, whatever the server sends: less than the lease of `core.bounce_mailbox`."""
WINDOW = 500
"""How many UIDs are looked through at once."""
MOST_NOTIFICATIONS = 500
"""How many are read in one go: of so many a mail server is to be taken no longer than `READING_SECONDS` anyway."""
_PORT, _TLS_PORT = 143, 993
_HEAD = "(BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE)])"
_UID = re.compile(rb"\bUID (\d+)")
log = structlog.get_logger(__name__)


class MailboxAway(Exception):
    """The mailbox cannot be read: why, and in the server's words."""

    def __init__(self, fault: MailboxFault, words: str) -> None:
        super().__init__(words)
        self.fault = fault
        self.words = words


@dataclass(frozen=True)
class MailboxAddress:
    """What `LMS_BOUNCE_URL` says, such as `imaps://user:password@mail.example/INBOX`."""

    is_tls_from_start: bool
    host: str
    port: int
    user: str
    password: str
    folder: str

    @classmethod
    def of(cls, address: str) -> MailboxAddress:
        """Reads a setting that `config` has checked."""
        url = urlsplit(address)
        is_tls = url.scheme == "imaps"
        return cls(
            is_tls,
            url.hostname or "",
            url.port or (_TLS_PORT if is_tls else _PORT),
            unquote(url.username or ""),
            unquote(url.password or ""),
            unquote(url.path).strip("/") or "INBOX",
        )

    @property
    def digest(self) -> str:
        """What tells the mailbox from another one; the password does not matter."""
        text = f"{self.user}\n{self.host.lower()}\n{self.port}\n{self.folder}"
        return hashlib.sha256(text.encode()).hexdigest()


def read_when_due(address: str, *, at: datetime) -> int:
    """Reads what came back since the last time, if it is time; returns how many mails were marked.

    A mailbox that cannot be read is logged once, until it can be read or the reason is another one.
    """
    mailbox = MailboxAddress.of(address)
    position = claim(mailbox.digest, at=at) if is_due(mailbox.digest, at=at) else None
    if position is None:
        return 0
    reading = _Reading(mailbox, position, at)
    try:
        is_all = reading.run()
    except MailboxAway as error:
        if note_fault(mailbox.digest, error.fault, error.words, at=at):
            log.error("bounce mailbox cannot be read", host=mailbox.host, fault=error.fault.value, reason=error.words)
        return reading.noted
    if note_read(mailbox.digest, is_all=is_all, at=at):
        log.info("bounce mailbox can be read again", host=mailbox.host)
    if reading.noted:
        log.info("mails came back", count=reading.noted)
    return reading.noted


class _Reading:
    """One go through what is new in the mailbox."""

    def __init__(self, address: MailboxAddress, position: Position, at: datetime) -> None:
        self._address, self._position, self._at = address, position, at
        self._until = time.monotonic() + READING_SECONDS
        self.noted = 0

    def run(self) -> bool:
        """Reads; returns whether nothing is left. Raises MailboxAway."""
        with _Mailbox(self._address) as mailbox:
            validity, following = mailbox.select()
            last = self._position.last_uid if validity == self._position.uid_validity else 0
            read = 0
            while last + 1 < following:
                end = min(last + WINDOW, following - 1)
                for uid in mailbox.notifications(last + 1, end):
                    if read >= MOST_NOTIFICATIONS or time.monotonic() > self._until:
                        return False
                    self._take(mailbox, uid)
                    note_position(self._address.digest, Position(validity, uid))
                    read += 1
                last = end
                note_position(self._address.digest, Position(validity, last))
                if time.monotonic() > self._until:
                    return last + 1 >= following
        return True

    def _take(self, mailbox: _Mailbox, uid: int) -> None:
        content = mailbox.content(uid)
        if content is None:  # deleted meanwhile
            return
        outcome = take_bounce(content, at=self._at)
        self.noted += outcome is BounceOutcome.NOTED
        if outcome is not BounceOutcome.NOT_OURS:
            mailbox.flag_seen(uid)


class _Bounded(imaplib.IMAP4):
    """A connection that takes no endless answers, and is closed after a while whatever the server does."""

    _watch: threading.Timer | None = None

    def open(self, host: str = "", port: int = _PORT, timeout: float | None = None) -> None:
        super().open(host, port, timeout)
        self._watch = threading.Timer(CUT_SECONDS, self._cut)
        self._watch.daemon = True
        self._watch.start()

    def _cut(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def read(self, size: int) -> bytes:
        if size > MOST_BYTES:
            raise self.abort("the server sends more than was asked for")
        return super().read(size)

    def shutdown(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        with suppress(OSError):  # it is closed already
            super().shutdown()


class _BoundedTls(_Bounded, imaplib.IMAP4_SSL):  # type: ignore[misc]  # its `open` only has no default for the host
    """The same, encrypted from the start."""


class _Mailbox:
    """One folder on a server, opened for as long as the block lasts. Raises MailboxAway for whatever goes wrong."""

    def __init__(self, address: MailboxAddress) -> None:
        self._address = address
        self._connection: Any = None

    def __enter__(self) -> Self:
        try:
            self._connection = self._do(MailboxFault.NO_ANSWER, self._connect)
            if not self._address.is_tls_from_start:
                self._do(MailboxFault.NOT_TRUSTED, self._start_tls)
            self._do(MailboxFault.SIGN_IN, self._sign_in)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            with suppress(imaplib.IMAP4.error, OSError):
                self._connection.logout()
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.shutdown()

    def _connect(self) -> _Bounded:
        to = self._address
        if to.is_tls_from_start:
            return _BoundedTls(to.host, to.port, timeout=ANSWER_SECONDS, ssl_context=ssl.create_default_context())
        return _Bounded(to.host, to.port, timeout=ANSWER_SECONDS)

    def _start_tls(self) -> None:
        if "STARTTLS" not in self._connection.capabilities:
            raise MailboxAway(MailboxFault.NOT_TRUSTED, "the server does not offer STARTTLS")
        self._connection.starttls(ssl.create_default_context())

    def _sign_in(self) -> None:
        user, password = self._address.user, self._address.password
        if "AUTH=PLAIN" in self._connection.capabilities:
            self._connection.authenticate("PLAIN", lambda _challenge: f"\0{user}\0{password}".encode())
        else:
            self._connection.login(_quoted(user), password)

    def select(self) -> tuple[int, int]:
        """Opens the folder; returns its UIDVALIDITY and the UID that the next message will have."""
        folder = _quoted(self._address.folder)

        def choose() -> str:
            try:
                return str(self._connection.select(folder)[0])
            except imaplib.IMAP4.readonly:
                return str(self._connection.select(folder, readonly=True)[0])

        if self._do(MailboxFault.NO_FOLDER, choose) != "OK":
            raise MailboxAway(MailboxFault.NO_FOLDER, self._address.folder)
        return self._number("UIDVALIDITY"), self._number("UIDNEXT")

    def _number(self, name: str) -> int:
        _name, values = self._connection.response(name)
        if not values or not isinstance(values[-1], bytes) or not values[-1].isdigit():
            raise MailboxAway(MailboxFault.NOT_UNDERSTOOD, f"no {name}")
        return int(values[-1])

    def notifications(self, first: int, last: int) -> list[int]:
        """The UIDs from `first` to `last` whose messages look like delivery status notifications."""
        found = self._do(MailboxFault.NOT_UNDERSTOOD, lambda: self._connection.uid("FETCH", f"{first}:{last}", _HEAD))
        uids = (
            int(uid[1])
            for text in _records(found[1])
            if (uid := _UID.search(text)) and b"multipart/report" in text.lower()
        )
        return sorted({uid for uid in uids if first <= uid <= last})

    def content(self, uid: int) -> bytes | None:
        """A message, or as much of it as is read; None where there is none any more."""
        query = f"(BODY.PEEK[]<0.{MOST_BYTES}>)"
        found = self._do(MailboxFault.NOT_UNDERSTOOD, lambda: self._connection.uid("FETCH", str(uid), query))
        return next((bytes(part[1]) for part in found[1] if isinstance(part, tuple)), None)

    def flag_seen(self, uid: int) -> None:
        """Flags a message as seen, where the server lets us."""
        self._do(
            MailboxFault.NOT_UNDERSTOOD, lambda: self._connection.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")
        )

    def _do(self, refused: MailboxFault, work: Callable[[], Any]) -> Any:
        """Does one step; `refused` is what it means that the server says no."""
        try:
            return work()
        except ssl.SSLCertVerificationError as error:
            raise self._away(MailboxFault.NOT_TRUSTED, error.verify_message) from None
        except ssl.SSLError as error:
            raise self._away(MailboxFault.NOT_TRUSTED, error.reason or str(error)) from None
        except (imaplib.IMAP4.abort, OSError) as error:
            raise self._away(MailboxFault.NO_ANSWER, str(error) or type(error).__name__) from None
        except imaplib.IMAP4.error as error:
            raise self._away(refused, str(error)) from None
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # imaplib on what is no IMAP
            raise self._away(MailboxFault.NOT_UNDERSTOOD, type(error).__name__) from None

    def _away(self, fault: MailboxFault, words: str) -> MailboxAway:
        """The error, without the password, which some servers repeat."""
        shown = words.replace(self._address.password, "…") if self._address.password else words
        return MailboxAway(fault, "".join(one if one.isprintable() else " " for one in shown)[:300])


_QUOTES: Final = str.maketrans({"\\": r"\\", '"': r"\""})


def _quoted(text: str) -> str:
    return f'"{text.translate(_QUOTES)}"'


def _records(answer: Any) -> Iterator[bytes]:
    """What a FETCH says of each message as one text: imaplib cuts it where a literal begins and ends."""
    record = b""
    for part in answer or []:
        if isinstance(part, tuple):
            begins, text = True, b" ".join(bytes(one) for one in part)
        elif isinstance(part, bytes):
            begins, text = bool(re.match(rb"\d+ \(", part)), part
        else:
            continue
        if begins and record:
            yield record
            record = b""
        record += text
    if record:
        yield record
