"""Counts what is asked of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from apiflask import APIFlask
from flask import current_app
from sqlalchemy import event

from lms.core.database.session import db

CountQueries = Callable[[], AbstractContextManager[list[str]]]


@contextmanager
def statements(app: APIFlask) -> Iterator[list[str]]:
    """The statements within it, but those that begin and end transactions or set up a connection."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def count_statements(work: Callable[[], object]) -> int:
    """How many statements something sends to the database, from an empty session."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with statements(app) as seen, app.app_context():  # a session of its own, with nothing loaded
        work()
    return len(seen)


@pytest.fixture
def count_queries(app: APIFlask) -> CountQueries:
    """A context manager that counts the statements within it."""
    return lambda: statements(app)
