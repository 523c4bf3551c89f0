"""Leases: what only one process may do at a time, on whatever machine, as long as it says that it still does it.

The database decides who holds a lease; on PostgreSQL its clock counts. Once the lease of a process that died has
expired, another process can take it.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from flask import Flask
from sqlalchemy import String, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.background.processes import process_name
from lms.core.database.session import Base, UtcDateTime, action, db, in_action, is_sqlite
from lms.core.time import clock

log = structlog.get_logger(__name__)
POLL_SECONDS = 0.05
"""How often `holding` asks for a lease that another holder has."""


class Lease(Base):
    """The holder of a lease, and until when it is held unless it is renewed."""

    __tablename__ = "lease"
    read_by_strangers = False

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    holder: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LeaseTaken(Exception):
    """Another holder has the lease."""


def new_holder() -> str:
    """The name of a new holder, of which a process can have several."""
    return f"{process_name()}:{secrets.token_hex(4)}"


def acquire(name: str, holder: str, seconds: float) -> bool:
    """Takes a lease for a number of seconds, if it is free, expired or already the holder's; returns whether it did.

    Raises RuntimeError inside an action: others would not see it before the action ends.
    """
    if in_action():
        raise RuntimeError("a lease inside an action")
    return _acquire(name, holder, seconds)


@action
def _acquire(name: str, holder: str, seconds: float) -> bool:
    now = _now()
    insert = (sqlite.insert if is_sqlite() else postgresql.insert)(Lease)
    row = insert.values(name=name, holder=holder, expires_at=now + timedelta(seconds=seconds))
    is_free = (Lease.expires_at <= now) | (Lease.holder == holder)
    statement = row.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": row.excluded.holder, "expires_at": row.excluded.expires_at},
        where=is_free,
    )
    return db.session.execute(statement.returning(Lease.name)).one_or_none() is not None


@action
def renew(name: str, holder: str, seconds: float) -> bool:
    """Extends a lease to a number of seconds from now; returns False if another holder has taken it or it was released.

    An expired lease that is still free is renewed.
    """
    statement = update(Lease).where(Lease.name == name, Lease.holder == holder)
    renewed = statement.values(expires_at=_now() + timedelta(seconds=seconds)).returning(Lease.name)
    return db.session.execute(renewed).one_or_none() is not None


@action
def release(name: str, holder: str) -> None:
    """Ends a lease. Does nothing where the holder has lost it."""
    db.session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))


@contextmanager
def holding(name: str, *, seconds: float = 30, wait_seconds: float = 0) -> Iterator[str]:
    """Holds a lease for the time of the block, which must be shorter than `seconds` or renew it; gives its holder.

    Waits for it up to `wait_seconds`. Raises LeaseTaken.
    """
    holder = new_holder()
    until = time.monotonic() + wait_seconds
    while not acquire(name, holder, seconds):
        if time.monotonic() >= until:
            raise LeaseTaken(name)
        time.sleep(POLL_SECONDS)
    try:
        yield holder
    finally:
        release(name, holder)


@action
def release_all(holder: str) -> None:
    """Ends all leases of a holder that is known to be gone."""
    db.session.execute(delete(Lease).where(Lease.holder == holder))


class HeldLeases:
    """The leases of this process, renewed by a thread (`run`) until they are given back or lost."""

    def __init__(self, app: Flask, *, seconds: float = 15) -> None:
        self.holder = new_holder()
        self._app, self._seconds = app, seconds
        self._until: dict[str, float] = {}

    def take(self, name: str) -> bool:
        """Takes a lease if it is free; returns whether it did. Needs an application context."""
        began = time.monotonic()
        is_taken = acquire(name, self.holder, self._seconds)
        if is_taken:
            self._until[name] = began + self._seconds
        return is_taken

    def holds(self, name: str) -> bool:
        """Whether the lease is surely still held: it was renewed in time."""
        return time.monotonic() < self._until.get(name, 0)

    def give_back(self, name: str) -> None:
        """Ends a lease."""
        self._until.pop(name, None)
        with self._app.app_context():
            release(name, self.holder)
            db.session.remove()

    def run(self, stopping: threading.Event) -> None:
        """Renews the leases in time until `stopping` is set. While the database is away, they run out."""
        while not stopping.wait(self._seconds / 3):
            for name in list(self._until):
                try:
                    self._renew(name)
                except Exception as error:
                    log.warning("a lease could not be renewed", lease=name, error=type(error).__name__)

    def _renew(self, name: str) -> None:
        began = time.monotonic()
        with self._app.app_context():
            is_held = renew(name, self.holder, self._seconds)
            db.session.remove()
        if name in self._until:  # it was not given back meanwhile
            self._until[name] = began + self._seconds if is_held else 0


def list_leases() -> dict[str, tuple[str, datetime]]:
    """The holder of each lease that has not expired, and when it would, by name."""
    rows = db.session.execute(select(Lease).where(Lease.expires_at > _now()).order_by(Lease.name)).scalars()
    return {row.name: (row.holder, row.expires_at) for row in rows}


def _now() -> datetime:
    """This moment by the clock that all processes share: the only machine's on SQLite, else the database's."""
    return clock.now() if is_sqlite() else db.session.execute(select(func.clock_timestamp())).scalar_one()
