"""Migrates a database and dies on the way: `to`, after so many statements (0: does not die), with these migrations."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from typing import Any

from flask_migrate import downgrade, upgrade
from sqlalchemy import event
from sqlalchemy.engine import Engine

from lms.app import create_app

CACHE_KB = 1024
"""So little of what is not committed stays in SQLite's memory: the rest is in its files when the process dies."""


def main() -> None:
    """Prints the number of statements."""
    to, left, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    passed = 0

    @event.listens_for(Engine, "connect")
    def keep_little(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")

    @event.listens_for(Engine, "after_cursor_execute")
    def count(*_given: object) -> None:
        nonlocal passed
        passed += 1
        if passed == left:
            os.kill(os.getpid(), signal.SIGKILL)

    app = create_app()
    app.extensions["migrate"].directory = app.extensions["migrate"].migrate.directory = folder
    with app.app_context():
        if to == "head":
            upgrade()
        else:
            downgrade(revision=to)
    print(passed)
