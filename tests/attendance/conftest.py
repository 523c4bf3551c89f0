"""What tests of attendance share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, current_app
from flask_babel import Babel
from sqlalchemy import event

from lms.core.database.session import db


@pytest.fixture
def words() -> Iterator[None]:
    """Words for what is pure, without any of the product around it."""
    app = Flask("words")
    Babel(app)
    with app.app_context():
        yield


def count_statements(work: Any) -> int:
    """How many statements something sends to the database, from an empty session."""
    sent: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", hear)
    try:
        with current_app.app_context():  # a session of its own, with nothing loaded
            work()
    finally:
        event.remove(engine, "before_cursor_execute", hear)
    return len(sent)
