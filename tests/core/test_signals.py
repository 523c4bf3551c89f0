"""Signals wake the worker when an action commits, and only then; without them it polls."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from apiflask import APIFlask
from sqlalchemy import text

from lms.core.background import jobs, signals
from lms.core.background.signals import JOBS, MAIL, Listener
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from tests.waiting import LONGEST, until

LONG_WAIT = LONGEST


@pytest.fixture
def listener(app: APIFlask, context: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(signals, "NET_SECONDS", LONG_WAIT)
    monkeypatch.setattr(signals, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(signals, "RECONNECT_SECONDS", 0.05)
    stopping = threading.Event()
    listener = Listener.of(app.extensions["lms.config"])
    listener.start(stopping)
    until(lambda: listener.is_listening)
    yield listener
    stopping.set()
    until(lambda: not is_connected())


def is_connected() -> bool:
    with db.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'"
        return bool(connection.scalar(text(query)))


class Sleeper:
    """A thread that waits for jobs, and notes that it woke up."""

    def __init__(self, listener: Listener) -> None:
        self.waiter = listener.waiter(JOBS)
        self.waiter.wait(threading.Event(), is_soon=True)  # what came with the connection
        self.woke = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        self.waiter.wait(threading.Event())
        self.woke.set()


@action
def ask_for_a_job(*, fails: bool = False) -> None:
    jobs.request_job("nothing", {}, by=SYSTEM, at=clock.now())
    if fails:
        raise ValueError("nothing is written")


@pytest.mark.databases("postgresql")
def test_a_job_wakes_the_worker_when_it_is_committed(listener: Listener) -> None:
    sleeper = Sleeper(listener)
    with pytest.raises(ValueError, match="nothing is written"):
        ask_for_a_job(fails=True)
    assert not sleeper.woke.wait(0.3)
    ask_for_a_job()
    assert sleeper.woke.wait(LONGEST)


@pytest.mark.databases("postgresql")
def test_a_signal_that_comes_while_a_thread_works_is_not_missed(listener: Listener) -> None:
    waiter, other = listener.waiter(JOBS), listener.waiter(MAIL)
    waiter.wait(threading.Event(), is_soon=True)
    other.wait(threading.Event(), is_soon=True)
    ask_for_a_job()
    time.sleep(0.2)
    began = time.monotonic()
    waiter.wait(threading.Event())
    assert time.monotonic() - began < LONG_WAIT
    other.wait(threading.Event(), is_soon=True)  # not one of its channel: it sleeps to the end
    assert time.monotonic() - began >= signals.POLL_SECONDS


@pytest.mark.databases("postgresql")
def test_a_lost_connection_is_opened_again_and_wakes_everyone(listener: Listener) -> None:
    sleeper = Sleeper(listener)
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'"
    with db.engine.begin() as connection:
        connection.execute(text(query))
    assert sleeper.woke.wait(LONGEST)  # something may have been missed meanwhile
    until(lambda: listener.is_listening)
    again = Sleeper(listener)
    ask_for_a_job()
    assert again.woke.wait(LONGEST)


def test_sqlite_has_no_signals_and_polls(app: APIFlask, context: None) -> None:
    ask_for_a_job()
    listener = Listener.of(app.extensions["lms.config"])
    listener.start(threading.Event())
    assert not listener.is_listening
    began = time.monotonic()
    listener.waiter(JOBS).wait(threading.Event())
    assert signals.POLL_SECONDS <= time.monotonic() - began < LONG_WAIT
