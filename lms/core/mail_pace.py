"""How many mails leave in a minute, across all workers: what was taken from the outbox of late is written down."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, UtcDateTime, db, one_at_a_time

_MINUTE = timedelta(minutes=1)
_SPELL = timedelta(seconds=5)
"""In each spell only its share of the minute leaves, so that a mail server is not flooded and then left idle."""


class MailTaken(Base):
    """How many mails a worker took at a moment."""

    __tablename__ = "mail_taken"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    count: Mapped[int]


def may_leave(per_minute: int, *, at: datetime) -> int:
    """Within an action: how many mails may leave now. Until it ends, no other worker takes any."""
    one_at_a_time("mail pace")
    db.session.execute(delete(MailTaken).where(MailTaken.at <= at - _MINUTE))
    share = -(-per_minute * _SPELL // _MINUTE)
    return max(0, min(per_minute - _taken(at - _MINUTE), share - _taken(at - _SPELL)))


def note_taken(count: int, *, at: datetime) -> None:
    """Within an action: writes down that so many mails were taken."""
    db.session.add(MailTaken(at=at, count=count))


def _taken(since: datetime) -> int:
    return int(db.session.scalar(select(func.sum(MailTaken.count)).where(MailTaken.at > since)) or 0)
