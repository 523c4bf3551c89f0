"""Stored meanings of the headings of a plain table, for the next file with the same headings."""

from collections.abc import Mapping
from datetime import datetime

from lms.attendance_imports.models import ColumnMapping
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import insert_many
from lms.core.database.session import db


def keep_mapping(signature: str, mapping: Mapping[str, str], *, lecture_id: int, by: Actor, at: datetime) -> None:
    """Stores the meaning of columns inside the running action. The newest answer applies."""
    row = {"signature": signature, "mapping": dict(mapping), "decided_at": at}
    insert_many(ColumnMapping.__table__, [row], unless=("signature",))
    stored = db.session.get_one(ColumnMapping, signature, populate_existing=True, with_for_update=True)
    if stored.mapping != row["mapping"] or stored.decided_at == at:
        stored.mapping, stored.decided_at = dict(mapping), at
        audit.record("attendance.mapping", by=by, at=at, detail={"mapping": row["mapping"]}, lecture=lecture_id)
