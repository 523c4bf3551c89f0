"""Queries for the meaning of headings of a plain table: in an uploaded file, and stored ones."""

from __future__ import annotations

from lms.attendance_imports.models import ColumnMapping
from lms.attendance_imports.queries.imports import kept_import
from lms.attendance_imports.readers.mapping import ColumnPreview
from lms.attendance_imports.readers.reading import look_at
from lms.core.db import db
from lms.core.roles import Actor


def find_mapping(signature: str) -> dict[str, str] | None:
    """The meaning of each heading of files of this signature."""
    kept = db.session.get(ColumnMapping, signature)
    return dict(kept.mapping) if kept is not None else None


def columns_of(public_id: str, *, by: Actor) -> tuple[ColumnPreview | None, dict[str, str]]:
    """The columns of an uploaded file, with the stored meanings. Raises NotFound if it is not waiting, or not for this
    actor.
    """
    _row, content = kept_import(public_id, by=by)
    column_preview = look_at(content)
    return column_preview, (find_mapping(column_preview.signature) or {}) if column_preview is not None else {}
