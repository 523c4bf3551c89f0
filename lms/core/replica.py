"""A read replica of PostgreSQL, for heavy reads that may be some seconds old: reports, exports and search.

Where it has replayed all that is committed, it is read by everyone. Where it is behind, it is read only up to a bounded
lag, and not by people who have just changed something: they see what they changed. Otherwise, and while it is away, the
main database is read. Actions always use the main database.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy import create_engine, exists, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from lms.config import Config
from lms.core import clock, engines
from lms.core.audit import AuditEntry
from lms.core.db import READS_FROM, ReadingPlace, db, engine_options, in_action
from lms.core.i18n import _, _l
from lms.core.jobs import Job

KEY = "lms.replica"
CONNECT_SECONDS = 2
WAIT_SECONDS = 0.05
_LSN = text("SELECT pg_current_wal_lsn()::text")
_REPLAYED = text(
    "SELECT pg_is_in_recovery(), COALESCE(pg_last_wal_replay_lsn() >= CAST(:lsn AS pg_lsn), false), "
    "pg_last_xact_replay_timestamp(), clock_timestamp()"
)


class ReplicaUnusable(Exception):
    """The replica answers, but what it has is too old, or it is no replica."""


@dataclass(frozen=True)
class ReplicaState:
    """How far behind the replica is. Without a lag it has all that is committed; else its data are `as_of` a moment."""

    lag: timedelta
    as_of: datetime | None

    @property
    def is_caught_up(self) -> bool:
        """Whether all that was committed when it was asked is there."""
        return not self.lag


class Replica:
    """The replica of an application."""

    def __init__(self, config: Config, main: Engine) -> None:
        options = engine_options(
            config.replica_database,
            connections=config.database_connections,
            is_prepared=config.database_prepared != "off",
        )
        options["connect_args"] |= {"connect_timeout": CONNECT_SECONDS}
        self.engine = create_engine(config.replica_database, **options)
        self.most = timedelta(seconds=config.database_replica_lag)
        self._main = main
        self.state_of_engine = engines.Engine(
            "replica",
            self.measure,
            title=_l("read replica"),
            without=_l("Reports, exports and search read the main database."),
            remedy=_l("Check the replica server and its replication. Serai then uses it again."),
        )

    def measure(self) -> ReplicaState:
        """How far behind it is. Raises ReplicaUnusable where that is more than the setting permits."""
        with self._main.connect() as connection:
            lsn = connection.scalar(_LSN)
        with self.engine.connect() as connection:
            is_replica, is_caught_up, replayed_at, now = connection.execute(_REPLAYED, {"lsn": lsn}).one()
        if not is_replica:
            raise ReplicaUnusable(_("the server is no replica"))
        if is_caught_up:
            return ReplicaState(timedelta(), None)
        if replayed_at is None:
            raise ReplicaUnusable(_("it has not replayed anything yet"))
        lag: timedelta = max(now - replayed_at, timedelta(milliseconds=1))
        if lag > self.most:
            raise ReplicaUnusable(_("it is %(seconds)s seconds behind", seconds=round(lag.total_seconds())))
        return ReplicaState(lag, replayed_at)

    def usable_by(self, person_id: int | None) -> ReplicaState | None:
        """Its state, where this person may read from it now."""
        if not self.state_of_engine.is_up():
            return None
        try:
            state = self.measure()
        except (ReplicaUnusable, DBAPIError) as error:
            self.state_of_engine.report_failure(error)
            return None
        if not state.is_caught_up and person_id is not None and _has_changed_something(person_id, state.lag):
            return None
        return state

    def caught_up(self, *, seconds: float) -> ReplicaState | None:
        """Waits for everything that was committed before the call; returns None if that takes more than `seconds`."""
        until = time.monotonic() + seconds
        while (state := self.usable_by(None)) is not None and not state.is_caught_up:
            if time.monotonic() > until:
                return None
            time.sleep(WAIT_SECONDS)
        return state


def _has_changed_something(person_id: int, within: timedelta) -> bool:
    """Whether a person did something, or a job of theirs ended, since the replica's data were the newest."""
    since = clock.now() - within - timedelta(seconds=1)
    acted = select(AuditEntry.at).where(AuditEntry.actor_id == person_id).order_by(AuditEntry.id.desc()).limit(1)
    last: datetime | None = db.session.scalar(acted)
    if last is not None and last >= since:
        return True
    return bool(db.session.scalar(select(exists().where(Job.asked_by == person_id, Job.finished_at >= since))))


def init_app(app: Flask, config: Config) -> None:
    """Registers the replica that the settings name. Nothing is asked of it yet."""
    if not config.database_replica_url or config.sqlite_file is not None:
        return
    with app.app_context():
        replica = Replica(config, db.engine)
    app.extensions[KEY] = replica
    engines.register(app, replica.state_of_engine)


def find_replica() -> Replica | None:
    """The replica of the current application, if its settings name one."""
    replica: Replica | None = current_app.extensions.get(KEY)
    return replica


@contextmanager
def reading(person_id: int | None) -> Iterator[bool]:
    """Has the session read from the replica where this person may; yields whether it does."""
    replica = find_replica()
    state = None if replica is None or in_action() else replica.usable_by(person_id)
    with _reading(replica, state, stays=False) as does:
        yield does


@contextmanager
def reading_in_job(*, seconds: float = 10) -> Iterator[bool]:
    """As `reading`, for a job: all that was committed at its start is there. It goes on reading between its actions."""
    replica = find_replica()
    state = None if replica is None else replica.caught_up(seconds=seconds)
    with _reading(replica, state, stays=True) as does:
        yield does


@contextmanager
def _reading(replica: Replica | None, state: ReplicaState | None, *, stays: bool) -> Iterator[bool]:
    if replica is None or state is None:
        yield False
        return
    session = db.session()
    session.rollback()  # gives the connection to the main database back
    session.info[READS_FROM] = ReadingPlace(replica.engine, state.as_of, stays=stays)
    try:
        yield True
    except DBAPIError as error:
        replica.state_of_engine.report_failure(error)
        raise
    finally:
        if session.info.pop(READS_FROM, None) is not None:
            session.rollback()


def as_of(at: datetime) -> datetime:
    """As of when the data are that the session reads, at a moment: earlier where it reads a replica that is behind."""
    place: ReadingPlace | None = db.session().info.get(READS_FROM)
    return at if place is None or place.as_of is None else min(at, place.as_of)


def reading_engine() -> Engine:
    """The engine that the session reads from."""
    place: ReadingPlace | None = db.session().info.get(READS_FROM)
    return db.engine if place is None else place.engine


def lag_seconds() -> float | None:
    """How many seconds the replica is behind; None where there is none, or it is not used."""
    replica = find_replica()
    if replica is None or not replica.state_of_engine.is_up():
        return None
    try:
        return replica.measure().lag.total_seconds()
    except (ReplicaUnusable, DBAPIError) as error:
        replica.state_of_engine.report_failure(error)
        return None
