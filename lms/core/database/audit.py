"""The audit trail: who did what to whom and when, written in the action's own transaction.

Personal fields are recorded by name, never by value, so that erasure works.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.base.roles import Actor
from lms.core.database.bulk import insert_many
from lms.core.database.session import Base, UtcDateTime, db


class AuditEntry(Base):
    """One act. `actor_id` is a person's id without a foreign key; null is the system."""

    __tablename__ = "audit_entry"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    verb: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class AuditSubject(Base):
    """A subject of an act. A batch has one for each person."""

    __tablename__ = "audit_subject"
    read_by_strangers = False
    __table_args__ = (Index("ix_audit_subject_kind_subject_id", "kind", "subject_id"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("audit_entry.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True)


def record(
    verb: str,
    *,
    by: Actor,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
    **subjects: int | Iterable[int],
) -> None:
    """Records one act. Subjects by kind: `record("enrol", by=by, at=at, series=3, person=[1, 2])`."""
    entry = {"at": at, "actor_id": by.person_id, "verb": verb, "detail": dict(detail or {})}
    entry_id = db.session.connection().execute(insert(AuditEntry).returning(AuditEntry.id), entry).scalar_one()
    rows = [
        {"entry_id": entry_id, "kind": kind, "subject_id": subject}
        for kind, given in subjects.items()
        for subject in ([given] if isinstance(given, int) else sorted(set(given)))
    ]
    insert_many(AuditSubject.__table__, rows)


def count_acts(verb: str, *, by: Actor, since: datetime) -> int:
    """Counts how often an actor did something after a given time."""
    query = select(func.count()).where(
        AuditEntry.actor_id == by.person_id, AuditEntry.verb == verb, AuditEntry.at > since
    )
    return db.session.scalar(query) or 0


def list_entries(kind: str, subject_id: int, *, limit: int = 50) -> list[AuditEntry]:
    """Returns the acts on one subject, newest first. Callers check permission."""
    query = (
        select(AuditEntry)
        .join(AuditSubject, AuditSubject.entry_id == AuditEntry.id)
        .where(AuditSubject.kind == kind, AuditSubject.subject_id == subject_id)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    return list(db.session.scalars(query))
