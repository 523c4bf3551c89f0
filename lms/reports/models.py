"""Read-outs that are kept: the public figures of the last daily refresh."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, UtcDateTime


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
