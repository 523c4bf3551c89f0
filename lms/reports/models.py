"""Read-outs that are kept: the public figures of the last daily refresh."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, UtcDateTime


class PublicFigures(Base):
    """The answers the public gets, counted at once: `answers` by question (see `reports.queries`)."""

    __tablename__ = "public_figures"

    id: Mapped[int] = mapped_column(primary_key=True)
    as_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)
