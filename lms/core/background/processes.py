"""Processes: their names, which of them are alive, and the memory that they give back.

No other process, here or elsewhere, now or before, has the same name. Host and number are not enough: each container
on one host's network is number 1, and numbers are given again. Each process writes a row every few seconds, from a
thread of its own.
"""

import ctypes
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from flask import current_app
from sqlalchemy import JSON, String, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, action, db, is_sqlite, text_enum
from lms.core.time import clock

WORKERS = "workers"
"""The folder in the data folder that has a locked one for each worker, by its name."""


def process_name() -> str:
    """The name of this process: `host:pid-random`."""
    return _name_of(os.getpid())


@cache
def _name_of(pid: int) -> str:  # by number: a process that was forked is another one
    return f"{socket.gethostname()[:100]}:{pid}-{secrets.token_hex(4)}"


INTERVAL_SECONDS = 15
"""Between two heartbeats of a process."""
ALIVE_FOR = timedelta(seconds=60)
"""A process that was seen within this time is alive."""
_FORGOTTEN_AFTER = timedelta(days=1)
FACTS = "lms.facts_of_process"
"""The extension of the application that says what the process runs with."""


class ProcessKind(StrEnum):
    WEB = "web"
    WORKER = "worker"
    PACKAGER = "packager"


class ProcessHeartbeat(Base):
    """A process: when it started, when it was last seen, and what it runs with (`facts`, by name).

    `seen_at` is by the clock of the database, which this process' clock is `clock_ahead_ms` ahead of.
    """

    __tablename__ = "worker_heartbeat"
    read_by_strangers = False

    name: Mapped[str] = mapped_column("worker", String(255), primary_key=True)
    """See `process_name`."""
    kind: Mapped[ProcessKind] = mapped_column(
        text_enum(ProcessKind), default=ProcessKind.WORKER, server_default=ProcessKind.WORKER.value
    )
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    clock_ahead_ms: Mapped[int | None]
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    @property
    def host(self) -> str:
        """The machine that the process runs on."""
        return self.name.rpartition(":")[0]


@action
def record_heartbeat(
    name: str,
    *,
    started_at: datetime,
    at: datetime,
    kind: ProcessKind = ProcessKind.WORKER,
    ahead: timedelta | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Records that a process is alive, and deletes the rows of those not seen for a day.

    `ahead`: how far its clock is ahead of the database's; None where the database has the same one.
    """
    seen_at = at - (ahead or timedelta())
    milliseconds = None if ahead is None else ahead // timedelta(milliseconds=1)
    db.session.merge(
        ProcessHeartbeat(
            name=name,
            kind=kind,
            started_at=started_at,
            seen_at=seen_at,
            clock_ahead_ms=milliseconds,
            facts=None if facts is None else dict(facts),
        )
    )
    db.session.execute(delete(ProcessHeartbeat).where(ProcessHeartbeat.seen_at < seen_at - _FORGOTTEN_AFTER))


def facts_of_this_process() -> Mapping[str, Any]:
    """Returns what this process runs with, as the application says."""
    facts: Callable[[], Mapping[str, Any]] = current_app.extensions[FACTS]
    return facts()


@action
def remove_heartbeat(name: str) -> None:
    """Removes the row of a process that stops in good order."""
    db.session.execute(delete(ProcessHeartbeat).where(ProcessHeartbeat.name == name))


def list_heartbeats() -> list[ProcessHeartbeat]:
    """The processes that run or stopped within the last day, by name."""
    return list(db.session.scalars(select(ProcessHeartbeat).order_by(ProcessHeartbeat.name)))


def list_alive(*, at: datetime) -> list[ProcessHeartbeat]:
    """The processes that were seen within the last minute, by name."""
    return [row for row in list_heartbeats() if at - row.seen_at <= ALIVE_FOR]


def worker_last_seen() -> datetime | None:
    """When any worker was last seen; None if none has run, or all stopped in good order."""
    seen = select(func.max(ProcessHeartbeat.seen_at)).where(ProcessHeartbeat.kind == ProcessKind.WORKER)
    return db.session.scalar(seen)


def is_worker_alive(*, at: datetime) -> bool:
    """Whether a worker was seen within the last minute."""
    seen = worker_last_seen()
    return seen is not None and at - seen <= ALIVE_FOR


def clock_ahead_of_database() -> timedelta | None:
    """How far this machine's clock is ahead of the database server's; None for SQLite, which has none."""
    if is_sqlite():
        return None
    before = clock.now()
    theirs: datetime = db.session.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = clock.now()
    return before + (after - before) / 2 - theirs


LARGE = 1 << 20
_MMAP_THRESHOLD = -3


def return_large_blocks() -> None:
    """Sets glibc to return blocks of 1 MB or more to the system as soon as they are freed.

    By default this limit rises to 32 MB, and each thread then holds on to the memory of a report's arrays.
    """
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):  # another C library has none
        set_option(_MMAP_THRESHOLD, LARGE)
