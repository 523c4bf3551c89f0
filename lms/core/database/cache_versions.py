"""Version stamps, and a cache for each process and application.

A stamp is a random number that is replaced in the same transaction in which its subject changes. Results can be
cached in memory under the stamp read before them, and are read again when the stamp differs. A stamp is replaced by
the code that changes the subject (`touch`), or covers whole tables (`watch`): then every transaction that writes to
one of them replaces it on commit. Cache only data that can be read again at any time.
"""

import re
import secrets
from collections.abc import Callable, Collection, Hashable
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import BigInteger, String, event, select, text
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, db, is_sqlite, read_value


class Stamp(Base):
    """The stamp of one thing of a kind."""

    __tablename__ = "stamp"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    of_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(BigInteger)


def touch(kind: str, ids: Collection[int]) -> None:
    """Draws new stamps, inside the running action: these things change in it."""
    if ids:
        _draw(db.session.connection(), [(kind, id_) for id_ in set(ids)])


def _draw(connection: Connection, things: Collection[tuple[str, int]]) -> None:
    # In one order everywhere, so that nobody waits in a circle
    rows = [{"kind": kind, "of_id": id_, "value": secrets.randbits(62)} for kind, id_ in sorted(things)]
    insert: Any = (insert_sqlite if connection.dialect.name == "sqlite" else insert_postgresql)(Stamp)
    new = {"value": insert.excluded.value}
    connection.execute(insert.on_conflict_do_update(index_elements=["kind", "of_id"], set_=new), rows)


def stamps_of(kind: str) -> dict[int, int]:
    """The stamps of all things of a kind, by id."""
    query = select(Stamp.of_id, Stamp.value).where(Stamp.kind == kind)
    return dict(db.session.connection().execute(query).all())


UNWATCHED = "lms_unwatched"
"""The option of a connection that changes tables themselves, and draws no stamps."""
_ALL = 0
_WRITTEN = re.compile(r'\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM|TRUNCATE(?: TABLE)?)\s+"?(\w+)"?', re.I)
_CHANGED = "lms.changed"
_watched: dict[str, Callable[[str], bool]] = {}
_hooks: dict[str, Callable[[Connection], None]] = {}


def watch(kind: str, includes: Callable[[str], bool]) -> None:
    """From now on `stamp_of(kind)` is another one after each transaction that wrote to a table that it includes."""
    _watched[kind] = includes


def before_commit(table: str, hook: Callable[[Connection], None]) -> None:
    """From now on each transaction that wrote to a table ends with `hook`."""
    _hooks[table] = hook


def stamp_of(kind: str) -> int | None:
    """The stamp of the tables of a kind (`watch`); None until one of them is written to. As the session sees it."""
    value: int | None = read_value(_STAMP_OF, {"kind": kind})
    return value


def is_writing() -> bool:
    """Whether the session has written something that is not committed yet, of which no stamp tells."""
    db.session.flush()
    return bool(db.session.connection().info.get(_CHANGED))


def peek(kind: str) -> int | None:
    """As `stamp_of`, past the session, for who may need nothing else of the database: saves a tenth of a page for
    strangers.

    Keep under it only what is read by a session that has read nothing before: on SQLite a session sees the data as at
    its first query, and what it reads may be older than this stamp. `stamp_of` is as old as that.
    """
    broken = db.engine.dialect.loaded_dbapi.Error
    try:
        pooled = db.engine.raw_connection()
    except broken:
        return stamp_of(kind)  # which says what is wrong as every query does
    connection: Any = pooled.dbapi_connection
    try:
        if is_sqlite():
            row = connection.execute(_PEEK.format("?"), (kind,)).fetchone()
        else:
            connection.autocommit = True  # one round trip instead of three
            row = connection.execute(_PEEK.format("%s"), (kind,)).fetchone()
            connection.autocommit = False
    except broken as error:
        pooled.invalidate(error)
        return stamp_of(kind)
    finally:
        pooled.close()
    return None if row is None else row[0]


_PEEK = "SELECT value FROM stamp WHERE kind = {} AND of_id = 0"
_STAMP_OF: Any = text(_PEEK.format(":kind"))


@event.listens_for(Engine, "before_cursor_execute")
def _note(connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
    """Notes the table that a statement writes to, until the transaction ends."""
    if statement[:6] == "SELECT":
        return
    written = _WRITTEN.match(statement)
    if written is not None and written[1] != Stamp.__tablename__:
        connection.info.setdefault(_CHANGED, set()).add(written[1])


@event.listens_for(Engine, "commit")
def _draw_watched(connection: Connection) -> None:
    """Draws the stamps of what was changed, in the transaction that is about to be committed.

    They come last, and in one order, so that nobody waits for them in a circle.
    """
    changed: set[str] | None = connection.info.pop(_CHANGED, None)
    if not changed or connection.get_execution_options().get(UNWATCHED):
        return
    for hook in {_hooks[table]: None for table in sorted(changed & _hooks.keys())}:
        hook(connection)
    connection.info.pop(_CHANGED, None)  # what the hooks wrote
    if things := [(kind, _ALL) for kind, includes in _watched.items() if any(map(includes, changed))]:
        _draw(connection, things)


@event.listens_for(Engine, "rollback")
def _forget(connection: Connection) -> None:
    if not connection.invalidated:  # a lost connection has nothing noted, and must not be used before it is rolled back
        connection.info.pop(_CHANGED, None)


T = TypeVar("T")
MOST_KEPT = 32
"""The number of entries cached of a kind."""


def memory(name: str) -> dict[Any, Any]:
    """A dictionary that lives as long as the app. Keys say all that an entry depends on; who writes replaces whole
    entries, so that other threads see the old one or the new one."""
    entries: dict[Any, Any] = current_app.extensions.setdefault(f"lms.memory.{name}", {})
    return entries


def kept_until_changed(stamp: str, key: Hashable, read: Callable[[], T], *, name: str = "") -> T:
    """Returns what `read` answers, kept until a stamp changes (`cache_versions`): the `MOST_KEPT` entries of a `name`,
    by default that of the stamp, that were read last. The key says all that an entry depends on besides."""
    entries = memory(name or stamp)
    version = stamp_of(stamp)  # before the cached data is read
    entry: tuple[int | None, T] | None = entries.get(key)
    if entry is None or entry[0] != version:
        entry = version, read()
        entries.pop(key, None)
        entries[key] = entry
        while len(entries) > MOST_KEPT:
            entries.pop(next(iter(entries)), None)
    return entry[1]
