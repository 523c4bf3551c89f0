"""A worker's sign of life."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask

from lms.core import clock
from lms.core.db import db
from lms.core.worker_heartbeats import (
    INTERVAL_SECONDS,
    WorkerHeartbeat,
    is_worker_alive,
    record_worker_heartbeat,
    remove_worker_heartbeat,
    worker_last_seen,
)
from lms.serve import send_heartbeats

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]


def test_without_a_worker_none_is_alive(at: datetime) -> None:
    assert worker_last_seen() is None
    assert not is_worker_alive(at=at)


def test_a_worker_is_alive_for_a_minute_after_each_heartbeat(at: datetime) -> None:
    record_worker_heartbeat("one:1", started_at=at, at=at)
    record_worker_heartbeat("one:1", started_at=at, at=at + timedelta(seconds=15))
    assert worker_last_seen() == at + timedelta(seconds=15)
    assert is_worker_alive(at=at + timedelta(seconds=75))
    assert not is_worker_alive(at=at + timedelta(seconds=76))
    assert [(row.worker, row.started_at) for row in db.session.query(WorkerHeartbeat)] == [("one:1", at)]


def test_one_of_two_workers_alive_is_enough(at: datetime) -> None:
    record_worker_heartbeat("one:1", started_at=at, at=at)
    record_worker_heartbeat("two:1", started_at=at, at=at + timedelta(minutes=5))
    assert is_worker_alive(at=at + timedelta(minutes=5))
    remove_worker_heartbeat("two:1")
    assert worker_last_seen() == at
    assert not is_worker_alive(at=at + timedelta(minutes=5))


def test_workers_that_were_killed_are_forgotten_after_a_day(at: datetime) -> None:
    record_worker_heartbeat("killed:1", started_at=at, at=at)
    record_worker_heartbeat("two:1", started_at=at, at=at + timedelta(days=1))
    record_worker_heartbeat("three:1", started_at=at, at=at + timedelta(days=1, seconds=1))
    assert {row.worker for row in db.session.query(WorkerHeartbeat)} == {"two:1", "three:1"}


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
