"""Signals between processes: what an action has just written wakes the worker that waits for it.

On PostgreSQL a signal is a `NOTIFY`, delivered when the action's transaction commits. SQLite has none, and its worker
looks twice a second. Signals only save time: who waits also looks every few seconds, because a signal can be lost with
the connection.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog
from flask import Flask
from sqlalchemy import make_url

from lms.config import Config
from lms.core.database.postgresql import is_pooled
from lms.core.database.session import in_action, is_sqlite, signal_at_commit

JOBS, MAIL = "serai_jobs", "serai_mail"
CHANNELS = (JOBS, MAIL)
POLL_SECONDS = 0.5
"""How long a waiter sleeps where there are no signals."""
NET_SECONDS = 10
"""How long a waiter sleeps at most where there are: for what becomes due by the clock, and for lost signals."""
RECONNECT_SECONDS = 2
CHECK_SECONDS = 60
"""How often the connection is tested while no signal comes."""
log = structlog.get_logger(__name__)
Work = Callable[[Flask, threading.Event], bool]
"""What a worker does whenever a channel signals, until the event is set. Returns whether more is due soon."""
WORK: list[tuple[str, Work]] = []
"""What slices registered, with the channel of each."""
T = TypeVar("T", bound=Work)


def on_signal(channel: str) -> Callable[[T], T]:
    """Registers work for a thread of its own in each worker, in the `jobs.py` of a slice."""

    def register(work: T) -> T:
        WORK.append((channel, work))
        return work

    return register


def notify(channel: str) -> None:
    """Wakes those who wait for a channel once the running action commits. Does nothing on SQLite."""
    if in_action() and not is_sqlite():
        signal_at_commit(channel)


class Listener:
    """Receives the signals of this process over one connection, which it reopens after a failure.

    Without an address (SQLite) it receives none, and its waiters poll.
    """

    def __init__(self, address: str | None, channels: Sequence[str] = CHANNELS) -> None:
        self._address = address
        self._changed = threading.Condition()
        self._counts = dict.fromkeys(channels, 0)
        self.is_listening = False

    @classmethod
    def of(cls, config: Config) -> "Listener":
        """The listener for these settings, not yet started."""
        return cls(None if config.sqlite_file else config.direct_database)

    def start(self, stopping: threading.Event) -> None:
        """Listens in a thread until `stopping` is set."""
        if self._address is not None:
            threading.Thread(target=self._run, args=(stopping,), name="signals", daemon=True).start()

    def waiter(self, channel: str) -> "Waiter":
        """A waiter for one thread."""
        return Waiter(self, channel)

    def wake_all(self) -> None:
        """Wakes all who wait, so that they see that the process stops."""
        self._wake(self._counts, is_listening=self.is_listening)

    def wait(self, channel: str, seen: int, *, is_soon: bool, stopping: threading.Event) -> int:
        """Sleeps until a signal came after the `seen` ones, or until it is time to look; returns how many came."""
        if self._address is None:
            stopping.wait(POLL_SECONDS)
            return seen
        with self._changed:
            seconds = NET_SECONDS if self.is_listening and not is_soon else POLL_SECONDS
            self._changed.wait_for(lambda: self._counts[channel] != seen or stopping.is_set(), seconds)
            return self._counts[channel]

    def _run(self, stopping: threading.Event) -> None:
        import psycopg

        while not stopping.is_set():
            try:
                if not self._listen(stopping):
                    return
            except psycopg.Error as error:
                log.warning("signals are not received", error=type(error).__name__)
            self._wake(self._counts, is_listening=False)
            stopping.wait(RECONNECT_SECONDS)

    def _listen(self, stopping: threading.Event) -> bool:
        """Receives signals until the connection is lost; returns False where a pool keeps them from arriving."""
        import psycopg

        assert self._address is not None
        url = make_url(self._address).set(drivername="postgresql").render_as_string(hide_password=False)
        alive: dict[str, Any] = {"connect_timeout": 5, "keepalives_idle": 20, "keepalives_interval": 5}
        with psycopg.connect(url, autocommit=True, **alive) as connection:
            if is_pooled(connection):
                log.warning("a pool is in front of the database: set LMS_DATABASE_DIRECT_URL, or the worker polls")
                return False
            for channel in self._counts:
                connection.execute(f"LISTEN {channel}".encode())
            self._wake(self._counts, is_listening=True)  # whatever was written before
            while not stopping.is_set():
                for notice in connection.notifies(timeout=CHECK_SECONDS):
                    self._wake([notice.channel], is_listening=True)
                connection.execute("SELECT 1")
        return True

    def _wake(self, channels: Sequence[str] | dict[str, int], *, is_listening: bool) -> None:
        with self._changed:
            self.is_listening = is_listening
            for channel in channels:
                self._counts[channel] += 1
            self._changed.notify_all()


class Waiter:
    """Waits for the signals of a channel, in one thread: none that came while it worked is missed."""

    def __init__(self, listener: Listener, channel: str) -> None:
        self._listener = listener
        self._channel = channel
        self._seen = 0

    def wait(self, stopping: threading.Event, *, is_soon: bool = False) -> None:
        """Sleeps until there may be something to do. `is_soon`: something is known to become due within a second."""
        self._seen = self._listener.wait(self._channel, self._seen, is_soon=is_soon, stopping=stopping)
