"""When the attendance of a lecture was closed, and when and why it was opened again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime


class Closing(Base):
    """One closing of a lecture's attendance. Rows are added, and completed once when it is reopened.

    Attendance is closed while one has no `reopened_at`; there is at most one such row per lecture. `figures` are the
    numbers at the time of closing, by name; `reason` is the reason for reopening.
    """

    __tablename__ = "closing"
    read_by_strangers = False
    __table_args__ = (
        CheckConstraint("reopened_at IS NULL OR reason IS NOT NULL", name="reopened_with_reason"),
        Index(
            "uq_closing_open",
            "lecture_id",
            unique=True,
            sqlite_where=text("reopened_at IS NULL"),
            postgresql_where=text("reopened_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), index=True)
    closed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reopened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reopened_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str | None] = mapped_column(Text)
