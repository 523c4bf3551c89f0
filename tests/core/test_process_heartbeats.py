"""A worker's sign of life."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask

from lms.core.background.processes import (
    INTERVAL_SECONDS,
    ProcessHeartbeat,
    ProcessKind,
    clock_ahead_of_database,
    is_worker_alive,
    list_alive,
    record_heartbeat,
    remove_heartbeat,
    worker_last_seen,
)
from lms.core.database.session import db, is_sqlite
from lms.core.time import clock
from lms.worker import send_heartbeats

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]


@pytest.mark.databases
def test_without_a_worker_none_is_alive(at: datetime) -> None:
    assert worker_last_seen() is None
    assert not is_worker_alive(at=at)


def test_a_worker_is_alive_for_a_minute_after_each_heartbeat(at: datetime) -> None:
    record_heartbeat("one:1", started_at=at, at=at)
    record_heartbeat("one:1", started_at=at, at=at + timedelta(seconds=15))
    assert worker_last_seen() == at + timedelta(seconds=15)
    assert is_worker_alive(at=at + timedelta(seconds=75))
    assert not is_worker_alive(at=at + timedelta(seconds=76))
    assert [(row.name, row.started_at) for row in db.session.query(ProcessHeartbeat)] == [("one:1", at)]


@pytest.mark.databases
def test_one_of_two_workers_alive_is_enough(at: datetime) -> None:
    record_heartbeat("one:1", started_at=at, at=at)
    record_heartbeat("two:1", started_at=at, at=at + timedelta(minutes=5))
    assert is_worker_alive(at=at + timedelta(minutes=5))
    remove_heartbeat("two:1")
    assert worker_last_seen() == at
    assert not is_worker_alive(at=at + timedelta(minutes=5))


@pytest.mark.databases
def test_workers_that_were_killed_are_forgotten_after_a_day(at: datetime) -> None:
    record_heartbeat("killed:1", started_at=at, at=at)
    record_heartbeat("two:1", started_at=at, at=at + timedelta(days=1))
    record_heartbeat("three:1", started_at=at, at=at + timedelta(days=1, seconds=1))
    assert {row.name for row in db.session.query(ProcessHeartbeat)} == {"two:1", "three:1"}


@pytest.mark.present
@pytest.mark.databases
def test_the_worker_is_seen_while_it_runs_and_gone_once_it_stopped(app: APIFlask) -> None:
    seen: list[bool] = []

    class StopsAfterTwoTurns(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == INTERVAL_SECONDS
            seen.append(is_worker_alive(at=clock.now()))
            db.session.rollback()
            return len(seen) == 2

    send_heartbeats(app, StopsAfterTwoTurns())
    assert seen == [True, True]
    assert worker_last_seen() is None


@pytest.mark.databases
def test_two_containers_on_one_network_are_two_processes(at: datetime) -> None:
    """Both see the host's name, and both are its process number 1."""
    script = (
        "import os, socket; os.getpid, socket.gethostname = lambda: 1, lambda: 'host'; "
        "from lms.core.background.processes import process_name; print(process_name(), process_name())"
    )
    started = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    names = [process.communicate()[0].split() for process in started]
    for name, again in names:
        assert name == again
        record_heartbeat(name, started_at=at, at=at)
    assert [row.host for row in list_alive(at=at)] == ["host", "host"]
    remove_heartbeat(names[0][0])
    assert [row.name for row in list_alive(at=at)] == [names[1][0]]


@pytest.mark.databases
def test_a_web_process_is_no_worker(at: datetime) -> None:
    record_heartbeat("web:1", kind=ProcessKind.WEB, started_at=at, at=at)
    assert not is_worker_alive(at=at)
    assert [row.host for row in list_alive(at=at)] == ["web"]
    assert list_alive(at=at + timedelta(seconds=61)) == []


def test_a_heartbeat_is_recorded_by_the_clock_of_the_database(at: datetime) -> None:
    ahead = timedelta(seconds=90)
    record_heartbeat("fast:1", started_at=at, at=at + ahead, ahead=ahead)
    assert [(row.seen_at, row.clock_ahead_ms) for row in list_alive(at=at)] == [(at, 90_000)]


@pytest.mark.present
def test_the_clock_of_a_database_on_this_machine_is_alike() -> None:
    ahead = clock_ahead_of_database()
    assert (ahead is None) if is_sqlite() else (ahead is not None and abs(ahead) < timedelta(minutes=1))
