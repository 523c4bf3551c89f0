"""Reads the mailbox of returned e-mails (`LMS_BOUNCE_URL`), by IMAP over TLS.

Only delivery status notifications are read completely; those about mails of this site are flagged as seen. All other
messages are left unchanged, and nothing is ever deleted. One worker at a time reads, under a lease; its position is
stored by the mailbox's numbers (RFC 9051: UIDVALIDITY and UID).
"""

import hashlib
import imaplib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import structlog
from sqlalchemy import BigInteger, String, Text, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, action, db, is_sqlite
from lms.mail.bounces import MOST_BYTES, BounceOutcome, take_bounce

ANSWER_SECONDS = 20
"""For connecting, and for each part of an answer."""
READING_SECONDS = 45
"""After which no further message is begun."""
CUT_SECONDS = 90
"""After which the connection is closed, whatever the server sends: less than `LEASE`."""
WINDOW = 500
"""How many UIDs are looked through at once."""
MOST_NOTIFICATIONS = 500
"""The number read at once: a mail server answers these within `READING_SECONDS`."""
_PORT, _TLS_PORT = 143, 993
_UID = re.compile(rb"\bUID (\d+)")
log = structlog.get_logger(__name__)
EVERY = timedelta(minutes=3)
LEASE = timedelta(minutes=5)
"""For so long nobody else reads: longer than one reading can last."""


class MailboxFault(StrEnum):
    """Why the mailbox cannot be read."""

    NO_ANSWER = "no_answer"
    NOT_TRUSTED = "not_trusted"
    """The server's certificate is not trusted, or it offers no encryption."""
    SIGN_IN = "sign_in"
    NO_FOLDER = "no_folder"
    NOT_UNDERSTOOD = "not_understood"
    """The server's answer is none of IMAP, or is too large."""


class BounceMailbox(Base):
    """The one mailbox. `digest` is of its address without the password, and tells another one from it."""

    __tablename__ = "bounce_mailbox"
    read_by_strangers = False

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    uid_validity: Mapped[int] = mapped_column(BigInteger, default=0)
    last_uid: Mapped[int] = mapped_column(BigInteger, default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[MailboxFault | None] = mapped_column(String(32))
    error: Mapped[str] = mapped_column(Text, default="")


@dataclass(frozen=True)
class Position:
    """Up to where a mailbox has been read: the UIDs up to `last_uid`, as long as `uid_validity` is the same."""

    uid_validity: int
    last_uid: int


def is_due(digest: str, *, at: datetime) -> bool:
    """Whether a mailbox is to be read. Locks nothing: the worker asks every few seconds."""
    row = db.session.get(BounceMailbox, digest)
    db.session.rollback()
    return row is None or row.due_at <= at


@action
def claim(digest: str, *, at: datetime) -> Position | None:
    """Takes the reading of a mailbox for a while; None where it is not due, or another worker reads it."""
    insert = insert_sqlite if is_sqlite() else insert_postgresql
    new = insert(BounceMailbox).values(digest=digest, uid_validity=0, last_uid=0, due_at=at, error="")
    db.session.execute(new.on_conflict_do_nothing())
    taken = update(BounceMailbox).where(BounceMailbox.digest == digest, BounceMailbox.due_at <= at)
    query = taken.values(due_at=at + LEASE).returning(BounceMailbox.uid_validity, BounceMailbox.last_uid)
    row = db.session.execute(query.execution_options(synchronize_session=False)).first()
    return Position(row.uid_validity, row.last_uid) if row is not None else None


@action
def note_position(digest: str, position: Position) -> None:
    """Writes down how far a mailbox was read."""
    values = {"uid_validity": position.uid_validity, "last_uid": position.last_uid}
    _change(digest, values)


@action
def note_read(digest: str, *, is_all: bool, at: datetime) -> bool:
    """Writes down that a mailbox could be read; where not all of it was, the rest is due at once.

    Returns whether it could not be read before.
    """
    row = db.session.get(BounceMailbox, digest, populate_existing=True)
    values = {"due_at": at + EVERY if is_all else at, "read_at": at, "fault": None, "error": ""}
    _change(digest, values)
    return row is not None and row.fault is not None


@action
def note_fault(digest: str, fault: MailboxFault, words: str, *, at: datetime) -> bool:
    """Writes down why a mailbox cannot be read; returns whether that is news."""
    row = db.session.get(BounceMailbox, digest, populate_existing=True)
    is_news = row is None or (row.fault, row.error) != (fault, words)
    _change(digest, {"due_at": at + EVERY, "fault": fault, "error": words})
    return is_news


def mailbox_state(digest: str) -> BounceMailbox | None:
    """How far a mailbox was read, and why it cannot be; None where no worker has tried yet."""
    return db.session.get(BounceMailbox, digest, populate_existing=True)


def _change(digest: str, values: Mapping[str, object]) -> None:
    db.session.execute(
        update(BounceMailbox)
        .where(BounceMailbox.digest == digest)
        .values(values)
        .execution_options(synchronize_session=False)
    )


class MailboxAway(Exception):
    """The mailbox cannot be read: why, and in the server's words."""

    def __init__(self, fault: MailboxFault, words: str) -> None:
        super().__init__(words)
        self.fault = fault
        self.words = words


@dataclass(frozen=True)
class MailboxAddress:
    """The address in `LMS_BOUNCE_URL`, such as `imaps://user:password@mail.example/INBOX`."""

    is_tls_from_start: bool
    host: str
    port: int
    user: str
    password: str
    folder: str

    @classmethod
    def of(cls, address: str) -> "MailboxAddress":
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
        """The digest by which the mailbox is known; the password does not matter."""
        text = f"{self.user}\n{self.host.lower()}\n{self.port}\n{self.folder}"
        return hashlib.sha256(text.encode()).hexdigest()


def read_when_due(address: str, *, at: datetime) -> int:
    """Reads mail returned since the last time, if it is due; returns how many mails were marked.

    A mailbox that cannot be read is logged once, until it can be read or the reason changes.
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

    def _take(self, mailbox: "_Mailbox", uid: int) -> None:
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
            self._open()
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

    def _open(self) -> None:
        address, tls = self._address, ssl.create_default_context()
        with self._errors_as(MailboxFault.NO_ANSWER):
            if address.is_tls_from_start:
                self._connection = _BoundedTls(address.host, address.port, timeout=ANSWER_SECONDS, ssl_context=tls)
            else:
                self._connection = _Bounded(address.host, address.port, timeout=ANSWER_SECONDS)
        if not address.is_tls_from_start:
            with self._errors_as(MailboxFault.NOT_TRUSTED):
                if "STARTTLS" not in self._connection.capabilities:
                    raise MailboxAway(MailboxFault.NOT_TRUSTED, "the server does not offer STARTTLS")
                self._connection.starttls(tls)
        with self._errors_as(MailboxFault.SIGN_IN):
            if "AUTH=PLAIN" in self._connection.capabilities:
                secret = f"\0{address.user}\0{address.password}".encode()
                self._connection.authenticate("PLAIN", lambda _challenge: secret)
            else:
                self._connection.login(_quoted(address.user), address.password)

    def select(self) -> tuple[int, int]:
        """Opens the folder; returns its UIDVALIDITY and the UID that the next message will have."""
        folder = _quoted(self._address.folder)
        with self._errors_as(MailboxFault.NO_FOLDER):
            try:
                status, _data = self._connection.select(folder)
            except imaplib.IMAP4.readonly:
                status, _data = self._connection.select(folder, readonly=True)
        if status != "OK":
            raise MailboxAway(MailboxFault.NO_FOLDER, self._address.folder)
        with self._errors_as(MailboxFault.NOT_UNDERSTOOD):
            validity, following = (int(self._connection.response(name)[1][-1]) for name in ("UIDVALIDITY", "UIDNEXT"))
        return validity, following

    def notifications(self, first: int, last: int) -> list[int]:
        """The UIDs from `first` to `last` whose messages look like delivery status notifications."""
        parts = self._command("FETCH", f"{first}:{last}", "(BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE)])")
        answer = b"\n".join(b" ".join(part) if isinstance(part, tuple) else part for part in parts if part)
        uids = (
            int(uid[1])
            for message in re.split(rb"^(?=\d+ \()", answer, flags=re.MULTILINE)
            if (uid := _UID.search(message)) and b"multipart/report" in message.lower()
        )
        return sorted({uid for uid in uids if first <= uid <= last})

    def content(self, uid: int) -> bytes | None:
        """A message, or as much of it as is read; None where there is none any more."""
        parts = self._command("FETCH", str(uid), f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
        return next((bytes(part[1]) for part in parts if isinstance(part, tuple)), None)

    def flag_seen(self, uid: int) -> None:
        """Flags a message as seen, where the server lets us."""
        self._command("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")

    def _command(self, *command: str) -> list[Any]:
        with self._errors_as(MailboxFault.NOT_UNDERSTOOD):
            _status, parts = self._connection.uid(*command)
            return list(parts or [])

    @contextmanager
    def _errors_as(self, refused: MailboxFault) -> Iterator[None]:
        """Turns errors into MailboxAway; `refused` is what it means that the server says no."""
        try:
            yield
        except ssl.SSLError as error:
            raise self._away(MailboxFault.NOT_TRUSTED, getattr(error, "verify_message", "") or str(error)) from None
        except (imaplib.IMAP4.abort, OSError) as error:
            raise self._away(MailboxFault.NO_ANSWER, str(error) or type(error).__name__) from None
        except imaplib.IMAP4.error as error:
            raise self._away(refused, str(error)) from None
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # imaplib on what is no IMAP
            raise self._away(MailboxFault.NOT_UNDERSTOOD, type(error).__name__) from None

    def _away(self, fault: MailboxFault, words: str) -> MailboxAway:
        """The error, without the password, which some servers repeat."""
        shown = words.replace(self._address.password, "…") if self._address.password else words
        return MailboxAway(fault, "".join(char if char.isprintable() else " " for char in shown)[:300])


_QUOTES: Final = str.maketrans({"\\": r"\\", '"': r"\""})


def _quoted(text: str) -> str:
    return f'"{text.translate(_QUOTES)}"'
