"""The database: base class, types, the session, and `@action`, the only thing that commits."""

import fcntl
import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

import structlog
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Enum, Executable, MetaData, event, func, inspect, select
from sqlalchemy.engine import Connection, CursorResult, Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, aliased
from sqlalchemy.types import TypeDecorator

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

# The execution option that makes SQLite take the write lock at BEGIN, not at the first write
_WRITES = "lms_writes"
_UNIT = "lms_unit"
_DEADLOCK = "40P01"
"""SQLSTATE `deadlock_detected` of PostgreSQL."""
_DEADLOCK_RETRIES = 4
POOL_TIMEOUT_SECONDS = 10
"""How long a request waits for a connection to PostgreSQL before it is answered with 503."""


class Base(DeclarativeBase):
    """Base of every table."""

    read_by_strangers: ClassVar[bool] = True
    """Whether a page for strangers may read the table: then what is written to it makes kept pages old
    (`web.pages.whole_pages`)."""
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(metadata=Base.metadata)


def tables_unread_by_strangers() -> frozenset[str]:
    """The names of the tables that no page for strangers reads."""
    models = [mapper.class_ for mapper in Base.registry.mappers]
    return frozenset(model.__tablename__ for model in models if not model.read_by_strangers)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in, aware UTC out, on every database. A naive datetime is a programming error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a naive datetime was given where an instant is stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def text_enum(kind: type[StrEnum]) -> Enum:
    """A column type that stores an enum's value as text, with a CHECK behind it."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


def reason_of(error: Exception) -> str:
    """Returns what the database, or the way to it, says of an error of its driver: one line, without the names of
    libraries."""
    lines = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    return (lines or ["unknown"])[0].removeprefix("connection failed: ")


SQLITE_HEAP = 128 * 1024 * 1024
"""Bytes that SQLite's connections of a process take together before they replace pages that they hold."""


def shared_alias(model: type[R], name: str | None = None) -> type[R]:
    """An alias of a table that several threads can use, such as one of a module.

    SQLAlchemy indexes the columns of an alias at first use. A second thread at the same moment would get columns of the
    table itself for good, and statements that join every row with every other.
    """
    alias = aliased(model, name=name)
    alias_info: Any = inspect(alias)
    alias_info.selectable.corresponding_column(alias_info.mapper.local_table.primary_key.columns[0])
    return alias


def engine_options(url: str, *, connections: int = 32, is_prepared: bool = True) -> dict[str, Any]:
    """How the engine of this address is made.

    To a PostgreSQL, a process has at most `connections`. Half of them remain open; `is_prepared`: with prepared
    statements.
    """

    def dumps(value: object) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    # The last used connection comes first: its cache is warm, and few connections fill their caches
    options: dict[str, Any] = {"json_serializer": dumps, "pool_use_lifo": True, "hide_parameters": True}
    if url.startswith("sqlite"):
        options |= {"connect_args": {"timeout": 30}, "pool_size": 64, "max_overflow": 64}
    else:
        lasting = (connections + 1) // 2
        options |= {
            "pool_pre_ping": True,
            "pool_size": lasting,
            "max_overflow": connections - lasting,
            "pool_timeout": POOL_TIMEOUT_SECONDS,
            "connect_args": {} if is_prepared else {"prepare_threshold": None},
        }
    return options


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # BEGIN is ours: see _begin
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "cache_size=-65536",
        f"soft_heap_limit={SQLITE_HEAP}",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "do_connect")
def _connect(dialect: Dialect, _record: object, arguments: list[Any], options: dict[str, Any]) -> Any:
    """A connection that keeps what it prepared; None leaves it to the dialect."""
    if dialect.driver != "psycopg":
        return None
    from lms.core.database.postgresql import connect  # SQLite runs without the driver

    return connect(*arguments, **options)


@event.listens_for(Engine, "handle_error")
def _hide_data(context: ExceptionContext) -> None:
    """Takes the data of rows out of PostgreSQL's messages, which `hide_parameters` leaves there.

    The detail quotes the row; the message itself quotes a value only in class 22, data exceptions.
    """
    error: Any = context.original_exception
    sqlstate: str | None = getattr(error, "sqlstate", None)  # not by the driver's class: SQLite runs without the driver
    if sqlstate is None:
        return
    message = type(error).__name__ if sqlstate.startswith("22") else error.diag.message_primary
    error.args = (f"{message} (SQLSTATE {sqlstate})",)
    if context.sqlalchemy_exception is not None:
        shown = f"({type(error).__module__}.{type(error).__qualname__}) {error}"
        context.sqlalchemy_exception.args = (shown, *context.sqlalchemy_exception.args[1:])


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


Hook = Callable[[], None]


@dataclass
class _Unit:
    """The work of an outermost action around its commit, and its locks (`one_at_a_time`)."""

    before: list[tuple[Hook, Hook]] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    held: set[tuple[str, bool]] = field(default_factory=set)
    signals: set[str] = field(default_factory=set)


def _unit() -> _Unit:
    unit: _Unit | None = db.session().info.get(_UNIT)
    if unit is None:
        raise RuntimeError("a hook outside an action")
    return unit


def after_commit(hook: Hook) -> None:
    """Runs `hook` once the outermost action has committed; dropped when it rolls back.

    What was committed stands: a hook that fails is logged, and keeps neither the others nor the caller from going on.
    What must happen for sure is noted in a table by the action itself (as in `core.storage.file_deletions`).
    """
    _unit().after.append(hook)


def before_commit(hook: Hook, *, undo: Hook) -> None:
    """Runs `hook` just before the outermost action commits, which it can prevent.

    `undo` runs where the action is rolled back after that.
    """
    _unit().before.append((hook, undo))


def signal_at_commit(channel: str) -> None:
    """On PostgreSQL, has the outermost action notify a channel as it commits (see `core.background.signals`)."""
    _unit().signals.add(channel)


def in_action() -> bool:
    """Whether an action is running in this context."""
    return db.session.registry.has() and _UNIT in db.session().info  # no session is made to find that there is none


@contextmanager
def write_turn(engine: Engine) -> Iterator[None]:
    """On SQLite those who write take turns, in all threads and processes, by a lock on the database's folder.

    SQLite only looks again after up to 100 ms whether its own lock is free: who had just committed would have it again
    and again, and others would wait for seconds.
    """
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database:
        yield
        return
    folder = os.open(Path(database).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(folder, fcntl.LOCK_UN)  # closing is not enough where a child process was forked since
        os.close(folder)


def read(query: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """The rows of a query of columns, in the session's transaction.

    The session makes objects of what it reads, and prepares for that even where only columns are asked for: this takes
    a third of its time. A query of objects (`select(Lecture)`) returns their columns instead.
    """
    return _result(query, values).all()


def read_column(query: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """As `read`, the first column of each row."""
    return _result(query, values).scalars().all()


def read_one(query: Executable, values: Mapping[str, Any] | None = None) -> Any:
    """As `read`, the only row; None where there is none."""
    return _result(query, values).one_or_none()


def read_value(query: Executable, values: Mapping[str, Any] | None = None) -> Any:
    """As `read`, the first column of the first row; None where there is none."""
    return _result(query, values).scalar()


def _result(query: Executable, values: Mapping[str, Any] | None) -> CursorResult[Any]:
    session: Session = db.session()
    session.flush()
    return session.connection().execute(query, values)


def write_connection() -> Connection:
    """A connection of one's own for short writing transactions, outside of any session (see `group_commit`)."""
    return db.engine.connect().execution_options(**{_WRITES: True})


def action(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function a write: one transaction, begun by the outermost action and committed when it returns.

    The reading transaction that may be open is given up first, so that the write starts from what is
    committed now: whatever was loaded before is expired, and actions therefore take ids and load inside.
    An exception rolls everything back. A transaction that PostgreSQL ended to resolve a deadlock is run again, up to
    four times.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        session: Session = db.session()
        if _UNIT in session.info:
            return function(*args, **kwargs)
        session.rollback()
        for retries_left in reversed(range(_DEADLOCK_RETRIES + 1)):
            try:
                result, unit = _run_in_transaction(session, lambda: function(*args, **kwargs))
                break
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != _DEADLOCK or not retries_left:
                    raise
                # Started at once, it could take back its first row before the transaction that waited for it
                time.sleep(random.uniform(0.02, 0.2))  # noqa: S311
        for hook in unit.after:
            try:
                hook()
            except Exception:
                log.exception("what follows a commit failed", action=function.__qualname__)
        return result

    run.is_action = True  # type: ignore[attr-defined]
    return run


def is_writing() -> bool:
    """Whether an action runs: then what was read before may have changed since."""
    return _UNIT in db.session().info


def _run_in_transaction(session: Session, work: Callable[[], R]) -> tuple[R, _Unit]:
    """Runs `work` in a writing transaction and commits it; returns its result and the hooks that it left."""
    with write_turn(db.engine):
        unit = session.info[_UNIT] = _Unit()
        undoing: list[Hook] = []
        try:
            session.connection(execution_options={_WRITES: True})
            result = work()
            session.flush()
            for hook, undo in unit.before:
                undoing.append(undo)
                hook()
            if unit.signals:
                session.execute(select(*(func.pg_notify(channel, "") for channel in sorted(unit.signals))))
            session.commit()
        except BaseException:
            session.rollback()
            for undo in undoing:
                undo()
            raise
        finally:
            session.info.pop(_UNIT, None)
    return result, unit


class _Rehearsed(Exception):
    """Ends the transaction of a rehearsal."""


def rehearse(work: Callable[[], R]) -> R:
    """Runs `work` as an action does, returns its result, and rolls everything back.

    The effects of a write are found by the write itself. On SQLite this blocks other writers, so it must be short.
    """
    results: list[R] = []

    @action
    def run() -> None:
        results.append(work())
        raise _Rehearsed

    with suppress(_Rehearsed):
        run()
    return results[0]


def one_at_a_time(what: str, *, shared: bool = False) -> None:
    """Waits, inside the running action, until no other transaction does `what`; holds it until this one ends.

    With `shared`, several run in parallel and only exclude those without it. SQLite has one writer anyway. Taken before
    any row is locked, to avoid deadlocks.
    """
    if is_sqlite() or (what, shared) in (held := _unit().held):
        return
    lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    db.session.execute(select(lock(func.hashtext(what))))
    held.add((what, shared))


IDENTITY = "identity"
"""What `one_at_a_time` is asked for by those who write what counts people (shared) or change who people are (alone)."""


def is_sqlite() -> bool:
    """Whether the database is SQLite."""
    return db.engine.dialect.name == "sqlite"
