"""Moving all rows from SQLite to PostgreSQL, or back, while nothing is written.

The data folder with its keys and files stays where it is. What was moved is read again from the new database and
compared.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import NullPool, Table, create_engine, func, make_url, select, text
from sqlalchemy.engine import Connection

from lms.config import Config
from lms.core.background.processes import list_alive
from lms.core.base.errors import Refused
from lms.core.database import schema, search
from lms.core.database.cache_versions import UNWATCHED
from lms.core.database.session import Base, db, write_connection
from lms.core.storage import journal
from lms.core.text.i18n import english as _
from lms.operations import databases
from lms.operations.databases import Tell

_ROWS = 5000
_REFERENCES = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True)
class Content:
    """How many rows a table has, and the sum of their digests, whatever their order."""

    rows: int
    digest: int


def move_database(
    config: Config, target: Config, make_app: Callable[[Config], Flask], *, tell: Tell, at: datetime
) -> int:
    """Moves all rows of the application's database to the empty one of `target`; returns how many there are.

    Nobody can write meanwhile. Raises Refused where a worker runs, where the target is the same database or is not
    empty, and where the rows that arrived are not those that were sent. Interrupted, it can be run again.
    """
    if make_url(config.database) == make_url(target.database):
        raise Refused(_("The database is already there."))
    mismatch = schema.find_mismatch(is_step_permitted=False)
    if mismatch:
        raise Refused(mismatch)
    if list_alive(at=at):
        raise Refused(_("The site was running in the last minute. Stop it, wait a minute and try again."))
    db.session.rollback()
    with write_connection() as source, source.begin():
        _hold_still(source)
        with _filling(target) as filled:
            with make_app(filled).app_context():
                upgrade()
                db.engine.dispose()
            sent = _copy(source, filled, tell)
            arrived = _contents(filled, tell)
            different = [name for name in sent if sent[name] != arrived[name]]
            if different:
                names = ", ".join(different)
                raise Refused(_("Rows changed on the way. Nothing was moved. Tables: %(names)s", names=names))
    return sum(content.rows for content in sent.values())


def _hold_still(source: Connection) -> None:
    """Lets nobody write until the end of the transaction. On SQLite it has begun as a writing one."""
    if source.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
        source.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))


@contextlib.contextmanager
def _filling(target: Config) -> Iterator[Config]:
    """Settings with the database to fill; drops what an interrupted move left there."""
    path = target.sqlite_file
    if path is None:
        databases.clear_unfinished(target)
        yield target
        engine = create_engine(target.database, poolclass=NullPool)
        with engine.begin() as connection:
            databases.finish(connection)
        return
    if path.exists():
        raise Refused(_("%(path)s already exists. Move it out of the way first.", path=path))
    partial = path.with_name(f".{path.name}.moving")
    for file in _files_of(partial):
        file.unlink(missing_ok=True)
    yield Config.load(target.environment(), database_url=f"sqlite:///{partial}")
    partial.rename(path)
    for file in _files_of(partial):
        file.unlink(missing_ok=True)
    journal.sync_folder(path.parent)


def _files_of(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.name}-{part}") for part in ("wal", "shm"))]


def _copy(source: Connection, target: Config, tell: Tell) -> dict[str, Content]:
    """Copies every table in one transaction; returns what was sent of each."""
    contents: dict[str, Content] = {}
    engine = create_engine(target.database, poolclass=NullPool)
    with engine.connect().execution_options(**{UNWATCHED: True}) as connection:
        with _without_references(connection):
            for table in reversed(Base.metadata.sorted_tables):  # what migrations put there
                connection.execute(table.delete())
            for table in Base.metadata.sorted_tables:
                tell(_("Copying: %(table)s", table=table.name))
                contents[table.name] = _copy_table(source, connection, table)
            search.index_pending(connection)
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
        else:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.commit()
    engine.dispose()
    return contents


def _copy_table(source: Connection, connection: Connection, table: Table) -> Content:
    rows = digest = 0
    for part in source.execution_options(yield_per=_ROWS).execute(table.select()).mappings().partitions():
        values = [dict(row) for row in part]
        connection.execute(table.insert(), values)
        rows += len(values)
        digest += sum(_digest(tuple(row.values())) for row in part)
    if connection.dialect.name == "postgresql":
        for column in table.primary_key:
            sequence = connection.scalar(select(func.pg_get_serial_sequence(f'"{table.name}"', column.name)))
            highest = connection.scalar(select(func.max(column))) if sequence else None
            if highest is not None:
                connection.execute(select(func.setval(sequence, highest)))
    return Content(rows, digest)


@contextlib.contextmanager
def _without_references(connection: Connection) -> Iterator[None]:
    """A transaction in which rows come before those that they refer to. All references are checked at its end."""
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            yield
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise Refused(_("A row of %(table)s refers to one that is not there.", table=broken[0]))
        return
    with connection.begin():
        references = connection.execute(text(_REFERENCES)).all()
        for table, name, _definition in references:
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        yield
        for table, name, definition in references:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def _contents(target: Config, tell: Tell) -> dict[str, Content]:
    contents: dict[str, Content] = {}
    engine = create_engine(target.database, poolclass=NullPool)
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            tell(_("Comparing: %(table)s", table=table.name))
            rows = digest = 0
            for part in connection.execution_options(yield_per=_ROWS).execute(table.select()).partitions():
                rows += len(part)
                digest += sum(_digest(tuple(row)) for row in part)
            contents[table.name] = Content(rows, digest)
    engine.dispose()
    return contents


def _digest(row: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
