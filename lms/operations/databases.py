"""Copies of the database: made while people write, consistent, and put back into an empty database.

SQLite is copied with its online backup API, PostgreSQL with `pg_dump` and `pg_restore`.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import MetaData, NullPool, create_engine, func, inspect, make_url, select, table, text
from sqlalchemy.engine import Connection

from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.database import schema
from lms.core.database.search import is_part_of_index
from lms.core.database.session import db, is_sqlite
from lms.core.text.i18n import english as _
from lms.operations import manifest

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
    names = [name for name in names if name != _UNFINISHED and not is_part_of_index(name)]
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
        tell(_("Database: %(percent)s%%", percent=100 - 100 * remaining // max(total, 1)))

    # The source is in a reading transaction: concurrent writes are neither copied nor restart the copy
    with contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy, pages=PAGES, progress=progress)
        copy.execute("PRAGMA journal_mode=DELETE")  # one complete file
        faults = [row[0] for row in copy.execute("PRAGMA quick_check(3)")]
    if faults != ["ok"]:
        raise Refused(_("The database is damaged: %(fault)s", fault=faults[0]))


def _dump_postgresql(target: Path, connection: Connection, config: Config, tell: Tell) -> None:
    snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    program = find_tool("pg_dump", connection, config)
    tell(_("Database: pg_dump"))
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
    _run([program, *options], config)


def find_tool(name: str, connection: Connection, config: Config) -> str:
    """The path of `pg_dump` or `pg_restore`. Raises Refused where it is missing or older than the server."""
    at_least = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    program = shutil.which(name, path=config.postgresql_tools or None)
    if program is None:
        raise Refused(
            _(
                "%(name)s is not installed. Install the PostgreSQL client programs, version %(version)s or "
                "later, or set LMS_POSTGRESQL_TOOLS to their folder.",
                name=name,
                version=at_least,
            )
        )
    process = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r"\) (\d+)", process.stdout)
    if match is None or int(match[1]) < at_least:
        raise Refused(
            _(
                "%(program)s has version %(found)s but the server has version %(version)s. Install client "
                "programs of that version or later, and set LMS_POSTGRESQL_TOOLS to their folder.",
                program=program,
                found=match[1] if match else "?",
                version=at_least,
            )
        )
    return program


def _run(command: list[str], config: Config, *, holding: tuple[int, ...] = ()) -> None:
    """Runs a client program of PostgreSQL against the application's database, with these open files.

    Raises Refused with the first error that it reports.
    """
    url = make_url(config.direct_database).set(drivername="postgresql").render_as_string(hide_password=False)
    parts = conninfo_to_dict(url)
    environment = os.environ | {"LC_ALL": "C"}  # so that "error:" is found in what it says
    if password := parts.pop("password", None):
        environment["PGPASSWORD"] = str(password)  # not in the command, which everybody on the machine can read
    command = [*command, f"--dbname={make_conninfo('', **parts)}"]
    done = subprocess.run(  # noqa: S603
        command, env=environment, capture_output=True, text=True, check=False, pass_fds=holding
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [str(done.returncode)]
        reason = next((line.partition("error: ")[2] for line in lines if "error: " in line), lines[-1])
        raise Refused(_("%(program)s failed: %(reason)s", program=Path(command[0]).name, reason=reason))


# Putting a copy back ---------------------------------------------------------------------------------------------

_UNFINISHED = "restore_unfinished"
"""A table that is there, on PostgreSQL, while a backup is being put into the database."""


_OWN_ROUTINES = """
SELECT oid::regprocedure::text FROM pg_proc AS routine WHERE pronamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = routine.oid AND deptype = 'e')
"""
"""The functions of the schema that are not part of an extension."""


def put_back(source: Path, config: Config, *, lock: int) -> None:
    """Puts a copy into the empty database of these settings.

    The remains of an unfinished restore are dropped first. Raises Refused for a database that contains anything else.
    `lock` is the open file whose lock this restore holds. `pg_restore` holds it too: if this process is killed, that
    program continues, and the next restore has to wait for it.
    """
    if path := config.sqlite_file:
        _put_back_sqlite(source, path)
        return
    with create_engine(config.database, poolclass=NullPool).connect() as connection:
        program = find_tool("pg_restore", connection, config)
    _clear(config)
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run([program, *options, str(source)], config, holding=(lock,))


def clear_unfinished(config: Config) -> None:
    """Marks a PostgreSQL database as being filled, and drops what an earlier attempt left there.

    Raises Refused for a database that contains anything else.
    """
    _check_has_no_tables(config)
    _clear(config)


def _clear(config: Config) -> None:
    engine = create_engine(config.database, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS {_UNFINISHED} (at TEXT)"))
    metadata = MetaData()
    metadata.reflect(engine)
    metadata.remove(metadata.tables[_UNFINISHED])
    metadata.drop_all(engine)
    with engine.begin() as connection:
        for name in connection.execute(text(_OWN_ROUTINES)).scalars().all():
            connection.execute(text(f"DROP ROUTINE {name}"))


def _check_has_no_tables(config: Config) -> None:
    schema.check_encoding(config)
    engine = create_engine(config.database, poolclass=NullPool)
    names = set(inspect(engine).get_table_names())
    if names and _UNFINISHED not in names:
        raise Refused(_("The database already has tables. Use an empty one."))


def _put_back_sqlite(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.restoring")
    partial.unlink(missing_ok=True)
    for path in (target, *(target.with_name(f"{target.name}-{part}") for part in ("wal", "shm"))):
        path.unlink(missing_ok=True)
    manifest.copy(source, partial)
    partial.rename(target)


def check_is_empty(config: Config, *, is_unfinished: bool) -> None:
    """Raises Refused for a database that holds anything but what an unfinished restore left there.

    Also where PostgreSQL's program to restore it is missing or too old.
    """
    if path := config.sqlite_file:
        if path.exists() and path.stat().st_size and not is_unfinished:
            raise Refused(_("%(path)s already exists. Restore only into an empty folder.", path=path))
        return
    _check_has_no_tables(config)
    with create_engine(config.database, poolclass=NullPool).connect() as connection:
        find_tool("pg_restore", connection, config)


def finish(connection: Connection) -> None:
    """Takes the mark of an unfinished restore away."""
    connection.execute(text(f"DROP TABLE IF EXISTS {_UNFINISHED}"))
