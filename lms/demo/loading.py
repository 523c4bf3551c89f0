"""Prepares the process and its database for many rows, while nobody else uses them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from lms.core.db import db

_PRAGMAS = ("synchronous=OFF", "wal_autocheckpoint=16384", "cache_size=-262144", "ignore_check_constraints=ON")
"""No commit waits for the disk: the folder is written to disk as a whole before it takes its place. Checking that
each value of an enumeration is one of its list takes two thirds of the time of an insert, and the product writes no
other value; the tests of the demonstration check what was built.
"""


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
