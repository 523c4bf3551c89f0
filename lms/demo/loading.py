"""Prepares the process and its database for many rows, while nobody else uses them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text

from lms.core.db import db

_PRAGMAS = (
    "synchronous=OFF", "wal_autocheckpoint=16384", "cache_size=-262144", "ignore_check_constraints=ON",
    "foreign_keys=OFF",
)  # fmt: skip
"""No commit waits for the disk: the folder is written to disk as a whole before it takes its place. Checking each
value and key takes two thirds of the time of an insert; the tests of the demonstration check what was built.
"""
_UNREAD = """
SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'
AND tbl_name IN ('person', 'person_country', 'enrolment', 'seat_entry', 'audit_subject', 'presence', 'credit')
AND name NOT IN ('ix_person_canonical_id', 'ix_enrolment_series_id_status_queued_at')
"""
"""The indexes of large tables by which imports find nothing."""


@contextmanager
def many_rows() -> Iterator[None]:
    """Sets up the connections of the current application, and disables garbage collection: with everybody in memory it
    takes a tenth of the time and finds next to nothing.
    """

    def prepare(connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(db.engine, "connect", prepare)
    db.engine.dispose()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        event.remove(db.engine, "connect", prepare)
        if was_enabled:
            gc.enable()


@contextmanager
def indexed_at_the_end() -> Iterator[None]:
    """Drops the indexes that imports do not read, and makes them again: 3 s less until the first page."""
    with db.engine.begin() as connection:
        indexes = connection.execute(text(_UNREAD)).all()
        for name, _statement in indexes:
            connection.execute(text(f"DROP INDEX {name}"))
    yield
    with db.engine.begin() as connection:
        for _name, statement in indexes:
            connection.execute(text(statement))
