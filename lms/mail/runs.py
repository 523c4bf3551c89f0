"""A record of automatic work, such as the reminders of a lecture or the reading of returned mail, so that nothing is
done twice by several workers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import String, delete, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, db, is_sqlite, read_column

KEPT = timedelta(days=60)
"""Longer than any automatic work is due."""


class MailRun(Base):
    """Automatic work done: mails posted, returned mails read. `key` identifies it by ids, never by people's text."""

    __tablename__ = "mail_run"
    read_by_strangers = False

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def begun(keys: Iterable[str]) -> set[str]:
    """Which of these runs were begun already."""
    return set(read_column(select(MailRun.key).where(MailRun.key.in_(list(keys)))))


def begin(key: str, *, at: datetime) -> bool:
    """Begins a run inside the running action; False where another worker did. Forgets old runs."""
    db.session.execute(delete(MailRun).where(MailRun.at < at - KEPT))
    insert = insert_sqlite if is_sqlite() else insert_postgresql
    query = insert(MailRun).values(key=key, at=at).on_conflict_do_nothing().returning(MailRun.key)
    return db.session.scalar(query) is not None


def forget(prefix: str) -> None:
    """Has runs whose keys begin so begin again when they are due."""
    db.session.execute(delete(MailRun).where(MailRun.key.startswith(prefix, autoescape=True)))
