"""Queries for the stored meanings of the headings of a plain table."""

from lms.attendance_imports.models import ColumnMapping
from lms.core.database.session import db


def find_mapping(signature: str) -> dict[str, str] | None:
    """The meaning of each heading of files of this signature."""
    row = db.session.get(ColumnMapping, signature)
    return dict(row.mapping) if row is not None else None
