"""Read-outs that are kept: the public figures of the last daily refresh, and reports frozen as they were published."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, UtcDateTime, text_enum


class PublicFigures(Base):
    """One refresh of the public figures. `answers` holds what all questions share: years, partners, the funnel."""

    __tablename__ = "public_figures"

    id: Mapped[int] = mapped_column(primary_key=True)
    as_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)


class PublicAnswer(Base):
    """The answer to one question the public may ask, counted at a refresh (see `reports.queries.public`)."""

    __tablename__ = "public_answer"

    figures_id: Mapped[int] = mapped_column(ForeignKey("public_figures.id", ondelete="CASCADE"), primary_key=True)
    question: Mapped[str] = mapped_column(String(64), primary_key=True)
    answer: Mapped[Any] = mapped_column(JSON)


class SnapshotVisibility(StrEnum):
    """Who may read a snapshot: everybody, or those who may count its slice exactly."""

    PUBLIC = "public"
    STAFF = "staff"


class Snapshot(Base):
    """A report as it was published. Of `content` (JSON as text, see `reports.frozen`) `digest` is the SHA-256.

    Only withdrawing it writes to a row again. `key` makes the same publication, sent twice, one row.
    """

    __tablename__ = "snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    key: Mapped[str | None] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    visibility: Mapped[SnapshotVisibility] = mapped_column(text_enum(SnapshotVisibility))
    language: Mapped[str] = mapped_column(String(16))
    country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))
    """The country of its slice, whose focal points may read it."""
    as_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    content: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)
