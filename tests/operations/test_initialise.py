"""`lms init`: an existing database is copied before it is migrated."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask_migrate import upgrade
from sqlalchemy import create_engine, make_url, text

from lms.app import create_app
from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.database import schema
from lms.core.database.session import db
from lms.operations import databases
from lms.operations.initialise import COPIES, copy_before, initialise
from tests.later_migration import add_later_migration

AT = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
OLD = schema.newest_revision()


@pytest.fixture
def older(fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[APIFlask]:
    """An installation whose database is one migration behind."""
    app = create_app(fresh)
    with app.app_context():
        initialise(fresh, tell=print, at=AT)
        add_later_migration(app, tmp_path, monkeypatch)
        yield app
        db.session.remove()
        db.engine.dispose()


def copies(config: Config) -> list[Path]:
    return sorted(config.folder.glob("before-*"))


def dumped_tables(config: Config, path: Path) -> set[str]:
    """The tables whose rows are in a copy."""
    if path.suffix == ".db":
        with sqlite3.connect(path) as connection:
            return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    command = [f"{config.postgresql_tools or '/usr/bin'}/pg_restore", "--list", str(path)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"TABLE DATA public (\w+) ", listed))


def test_a_new_database_needs_no_copy(fresh: Config) -> None:
    app = create_app(fresh)
    with app.app_context():
        initialise(fresh, tell=print, at=AT)
        initialise(fresh, tell=print, at=AT)
        assert schema.find_mismatch() is None
        db.engine.dispose()
    assert copies(fresh) == []


def test_an_existing_database_is_copied_before_it_is_migrated(older: APIFlask, fresh: Config) -> None:
    messages: list[str] = []
    assert schema.find_mismatch() == (
        f"The database has schema {OLD}, but this version needs {schema.newest_revision()}. Run `lms init`."
    )
    initialise(fresh, tell=messages.append, at=AT)
    assert schema.find_mismatch() is None
    (path,) = copies(fresh)
    assert path.stem == f"before-{OLD}-20261127T063000Z"
    assert messages == [f"Copied the database to {path}"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert {"person", "country", "alembic_version"} <= dumped_tables(fresh, path)


@pytest.mark.long
def test_the_newest_copies_are_kept(older: APIFlask, fresh: Config) -> None:
    made = [copy_before(fresh, OLD, at=AT + timedelta(hours=hour)) for hour in range(COPIES + 2)]
    assert copies(fresh) == made[-COPIES:]


@pytest.mark.long
def test_a_copy_can_be_left_out(older: APIFlask, fresh: Config) -> None:
    initialise(fresh, copies=False, tell=print, at=AT)
    assert (schema.find_mismatch(), copies(fresh)) == (None, [])


@pytest.mark.long
@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("f00d", "The database was migrated to f00d by a newer version of Serai. Install that version or a later one."),
        (
            "8f40d2b6e1c5",
            "The database is from before 29 November 2026 (schema 8f40d2b6e1c5), which this version cannot migrate. "
            "Use an empty database, and import again what you need.",
        ),
    ],
    ids=["newer", "before the first migration"],
)
def test_a_database_that_cannot_be_migrated_is_left_alone(fresh: Config, revision: str, message: str) -> None:
    app = create_app(fresh)
    with app.app_context():
        upgrade()
        with db.engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
        assert schema.find_mismatch() == message
        with pytest.raises(Refused, match=re.escape(message)):
            initialise(fresh, tell=print, at=AT)
        with pytest.raises(Refused, match=re.escape(message)):
            schema.check(fresh)
        answer = app.test_client().get("/readyz")
        assert (answer.status_code, answer.text) == (503, f"{message}\n")
        db.engine.dispose()


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("", "pg_dump is not installed. Install the PostgreSQL client programs"),
        ("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n", "has version 9 but the server has version"),
    ],
)
@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_a_postgresql_that_cannot_be_dumped_is_not_migrated(
    older: APIFlask, fresh: Config, tmp_path: Path, program: str, message: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    if program:
        (tools / "pg_dump").write_text(program)
        (tools / "pg_dump").chmod(0o755)
    fresh.postgresql_tools = str(tools)
    with pytest.raises(Refused, match=message) as refused:
        initialise(fresh, tell=print, at=AT)
    assert "`lms init --no-copy`" in str(refused.value)
    assert copies(fresh) == []
    assert (schema.find_mismatch() or "").endswith("Run `lms init`.")


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_a_database_that_is_not_in_utf8_is_refused_with_a_sentence(fresh: Config) -> None:
    url = make_url(fresh.database)
    server = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE fresh WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE fresh ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"))
    server.dispose()
    for attempt in (
        lambda: initialise(fresh, tell=print, at=AT),
        lambda: schema.check(fresh),
        lambda: databases.check_is_empty(fresh, is_unfinished=False),
        lambda: databases.clear_unfinished(fresh),
    ):
        with pytest.raises(Refused, match="The database keeps text as SQL_ASCII, and Serai needs UTF-8"):
            attempt()
