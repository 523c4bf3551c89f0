"""What the headings of a plain table mean: what a kept file shows of them, and what somebody said before."""

from __future__ import annotations

from lms.attendance_imports.models import ColumnMapping
from lms.attendance_imports.queries.imports import kept_import
from lms.attendance_imports.readers.mapping import Glimpse
from lms.attendance_imports.readers.reading import look_at
from lms.core.db import db
from lms.core.roles import Actor


def find_mapping(signature: str) -> dict[str, str] | None:
    """The meaning of each heading of files of this signature."""
    kept = db.session.get(ColumnMapping, signature)
    return dict(kept.mapping) if kept is not None else None


def columns_of(public_id: str, *, by: Actor) -> tuple[Glimpse | None, dict[str, str]]:
    """The columns of a file that waits for its second step, and what was said of them before. NotFound where it does
    not wait, or not for this actor."""
    _row, content = kept_import(public_id, by=by)
    glimpse = look_at(content)
    return glimpse, (find_mapping(glimpse.signature) or {}) if glimpse is not None else {}
