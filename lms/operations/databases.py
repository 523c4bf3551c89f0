"""Copies of the database: made while people write, consistent, and put back into an empty database.

SQLite is copied with its online backup API, PostgreSQL with `pg_dump` and `pg_restore`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import func, make_url, select, table, text
from sqlalchemy.engine import Connection

from lms.config import Config
from lms.core.db import db, is_sqlite
from lms.core.errors import Refused
from lms.core.words import _

FILE_NAMES = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
"""What a copy is called in a backup, by the kind of database."""
PAGES = 4096
"""SQLite pages between two reports of progress."""

Tell = Callable[[str], None]


def kind_of(url: str) -> str:
    """`sqlite` or `postgresql`, from the address of a database."""
    return make_url(url).get_backend_name()


@contextlib.contextmanager
def one_moment() -> Iterator[Connection]:
    """A reading transaction of the session in which everything is as at one moment, while others write on."""
    session = db.session()
    session.rollback()
    options = {} if is_sqlite() else {"isolation_level": "REPEATABLE READ"}
    connection = session.connection(execution_options=options)
    connection.execute(text("SELECT 1 FROM alembic_version"))  # the moment is that of the first read
    try:
        yield connection
    finally:
        session.rollback()


def count_rows(connection: Connection) -> dict[str, int]:
    """How many rows each table has, by the name of the table."""
    names = connection.dialect.get_table_names(connection)
    return {
        name: connection.execute(select(func.count()).select_from(table(name))).scalar_one() for name in sorted(names)
    }


# Copies ---------------------------------------------------------------------------------------------------------


def copy_to(target: Path, connection: Connection, config: Config, tell: Tell) -> None:
    """Copies the database as `connection`, from `one_moment`, sees it into a file that is not there yet."""
    target.touch(mode=0o600, exist_ok=False)
    if is_sqlite():
        _copy_sqlite(target, connection, tell)
    else:
        _dump_postgresql(target, connection, config, tell)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _copy_sqlite(target: Path, connection: Connection, tell: Tell) -> None:
    source = connection.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)

    def progress(_status: int, remaining: int, total: int) -> None:
        tell(_("Database: %(percent)s %%", percent=100 - 100 * remaining // max(total, 1)))

    # The source holds its reading transaction: what others write meanwhile neither gets in nor starts the copy over
    with contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy, pages=PAGES, progress=progress)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole by itself
        faults = [row[0] for row in copy.execute("PRAGMA quick_check(3)")]
    if faults != ["ok"]:
        raise Refused(_("The database is damaged: %(fault)s", fault=faults[0]))


def _dump_postgresql(target: Path, connection: Connection, config: Config, tell: Tell) -> None:
    snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    version = connection.execute(text("SHOW server_version_num")).scalar_one()
    program = find_tool("pg_dump", config, at_least=int(version) // 10_000)
    tell(_("Database: pg_dump"))
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
    _run([program, *options], config)


def find_tool(name: str, config: Config, *, at_least: int) -> str:
    """The path of `pg_dump` or `pg_restore`. Raises Refused where it is missing or older than the server."""
    program = shutil.which(name, path=config.postgresql_tools or None)
    if program is None:
        raise Refused(
            _(
                "%(name)s is not installed. Install the client programs of PostgreSQL %(version)s or later, or name "
                "their folder with LMS_POSTGRESQL_TOOLS.",
                name=name,
                version=at_least,
            )
        )
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"\) (\d+)", told.stdout)
    if found is None or int(found[1]) < at_least:
        raise Refused(
            _(
                "%(program)s is of version %(found)s and the server of version %(version)s. Install the client "
                "programs of that version or later, and name their folder with LMS_POSTGRESQL_TOOLS.",
                program=program,
                found=found[1] if found else "?",
                version=at_least,
            )
        )
    return program


def _run(command: list[str], config: Config) -> None:
    """Runs a client program of PostgreSQL against the application's database. Raises Refused with what it said."""
    url = make_url(config.database).set(drivername="postgresql").render_as_string(hide_password=False)
    parts = conninfo_to_dict(url)
    environment = dict(os.environ)
    if password := parts.pop("password", None):
        environment["PGPASSWORD"] = str(password)  # not in the command, which everybody on the machine can read
    command = [*command, f"--dbname={make_conninfo('', **parts)}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [str(done.returncode)])[-1]
        raise Refused(_("%(program)s failed: %(reason)s", program=Path(command[0]).name, reason=said))
