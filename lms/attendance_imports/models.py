"""Stored meanings of the headings of a plain table, for the next file with the same headings."""

from datetime import datetime

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime


class ColumnMapping(Base):
    """Heading → meaning, stored under the signature of all headings of a file. The audit log records who set it."""

    __tablename__ = "column_mapping"

    signature: Mapped[str] = mapped_column(String(64), primary_key=True)
    mapping: Mapped[dict[str, str]] = mapped_column(JSON)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
