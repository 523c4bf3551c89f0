"""Stamps: a number that is drawn anew, in the same transaction, whenever that changes for which it stands.

What was read once can be kept in memory under the stamp that it was read with (read the stamp first), and is read again
when the stamp is another one. What has no stamp is never kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, String, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, db, is_sqlite


class Stamp(Base):
    """The stamp of one thing of a kind."""

    __tablename__ = "stamp"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    of_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(BigInteger)


def touch(kind: str, ids: Collection[int]) -> None:
    """Draws new stamps, inside the running action: these things change in it."""
    if not ids:
        return
    # In one order everywhere, so that nobody waits in a circle
    rows = [{"kind": kind, "of_id": id_, "value": secrets.randbits(62)} for id_ in sorted(set(ids))]
    statement: Any = (insert_sqlite if is_sqlite() else insert_postgresql)(Stamp)
    statement = statement.on_conflict_do_update(
        index_elements=["kind", "of_id"], set_={"value": statement.excluded.value}
    )
    db.session.connection().execute(statement, rows)


def stamps_of(kind: str) -> dict[int, int]:
    """The stamps of all things of a kind, by id."""
    query = select(Stamp.of_id, Stamp.value).where(Stamp.kind == kind)
    return dict(db.session.connection().execute(query).all())
