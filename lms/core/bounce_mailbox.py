"""How far the mailbox to which e-mails come back has been read, and why it cannot be read (`web.bounce_mailbox`).

One worker at a time reads it, under a lease. Where it got to is kept by the mailbox's own numbers (RFC 9051:
UIDVALIDITY and UID).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, String, Text, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, UtcDateTime, action, db, is_sqlite

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
