"""What somebody said the headings of a plain table mean, for the next file that has the same."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, UtcDateTime


class ColumnMapping(Base):
    """Heading → meaning, kept under the signature of all headings of a file. Who said it stands in the audit log."""

    __tablename__ = "column_mapping"

    signature: Mapped[str] = mapped_column(String(64), primary_key=True)
    mapping: Mapped[dict[str, str]] = mapped_column(JSON)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
