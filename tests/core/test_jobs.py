"""Background work: what fails by the database alone is taken again, anything else is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import event, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from lms.core.background import jobs
from lms.core.background.jobs import LEASE, PATIENCE, Job, JobState
from lms.core.base.errors import Forbidden, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.audit import AuditEntry
from lms.core.database.session import action, db
from lms.core.time import clock
from tests.waiting import LONGEST

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]


class Work:
    """A job that does what it is told at each go."""

    def __init__(self) -> None:
        self.goes: list[Callable[[], None]] = []

    def __call__(self, run: jobs.Run) -> dict[str, Any]:
        if self.goes:
            self.goes.pop(0)()
        run.progress(1, 1)
        return {"done": True}


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    jobs.REGISTRY["test.work"] = made
    ask()
    yield made
    del jobs.REGISTRY["test.work"]


@action
def ask() -> None:
    jobs.request_job("test.work", {}, by=SYSTEM, at=clock.now())


def away() -> None:
    raise OperationalError("SELECT 1", {}, Exception("the database went away"))


def state() -> tuple[JobState, str | None]:
    job = db.session.query(Job).one()
    db.session.refresh(job)
    return job.state, job.error


def test_a_job_that_the_database_failed_is_taken_again_after_its_lease(work: Work) -> None:
    work.goes = [away, away]
    now = clock.now()
    assert jobs.run_due(at=now) == 1
    assert state() == (JobState.RUNNING, None)
    assert jobs.run_due(at=now + LEASE / 2) == 0
    assert jobs.run_due(at=now + LEASE * 2) == 1
    assert jobs.run_due(at=now + LEASE * 4) == 1
    assert state() == (JobState.DONE, None)


@pytest.mark.databases
def test_not_for_ever(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.goes = [away]
    later: datetime = clock.now() + PATIENCE + timedelta(minutes=1)
    jobs._claim(at=clock.now())
    monkeypatch.setattr(clock, "now", lambda: later)
    assert jobs.run_due(at=later) == 1
    assert state() == (JobState.FAILED, "OperationalError")


def retry(at: datetime) -> None:
    jobs.retry_job(db.session.query(Job).one().public_id, by=SYSTEM, at=at)


def test_a_failed_job_is_started_again_once(work: Work) -> None:
    work.goes = [lambda: {}["nothing"]]
    assert jobs.run_due() == 1
    for _time in range(2):
        retry(clock.now())
        assert state() == (JobState.QUEUED, None)
    assert jobs.run_due() == 1
    assert state() == (JobState.DONE, None)
    retry(clock.now())
    assert state() == (JobState.DONE, None)
    entries = db.session.query(AuditEntry).filter_by(verb="retry task")
    assert [entry.detail["error"] for entry in entries] == ["KeyError"]


@pytest.mark.databases
def test_only_administrators_start_a_job_again(work: Work) -> None:
    work.goes = [lambda: {}["nothing"]]
    jobs.run_due()
    row = db.session.query(Job).one()
    row.asked_by = 1
    db.session.commit()
    for person_id, refusal in ((1, Forbidden), (2, NotFound)):
        with pytest.raises(refusal):
            jobs.retry_job(row.public_id, by=Actor(person_id=person_id), at=clock.now())
    assert state() == (JobState.FAILED, "KeyError")


@pytest.mark.databases
def test_a_job_that_is_started_again_has_all_its_patience(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.goes = [lambda: {}["nothing"], away]
    jobs.run_due()
    later: datetime = clock.now() + PATIENCE + timedelta(minutes=1)
    retry(later)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert jobs.run_due(at=later) == 1
    assert state() == (JobState.RUNNING, None)


@pytest.mark.databases
def test_a_stopped_job_is_not_started_again(work: Work) -> None:
    action(lambda: jobs.stop_job(db.session.query(Job).one(), at=clock.now()))()
    with pytest.raises(Refused):
        retry(clock.now())
    assert state() == (JobState.STOPPED, None)


@pytest.mark.databases
def test_any_other_failure_is_told_at_once(work: Work) -> None:
    work.goes = [lambda: {}["nothing"]]
    assert jobs.run_due() == 1
    assert state() == (JobState.FAILED, "KeyError")
    assert jobs.run_due(at=clock.now() + LEASE * 2) == 0


def test_a_worker_that_stops_gives_its_job_back_at_the_next_step(work: Work) -> None:
    stopping = False

    def begin_to_stop() -> None:
        nonlocal stopping
        stopping = True

    work.goes = [begin_to_stop]
    assert jobs.run_due(is_stopping=lambda: stopping) == 1
    assert state() == (JobState.QUEUED, None)
    assert jobs.run_due(is_stopping=lambda: stopping) == 0
    assert jobs.run_due() == 1  # another worker, without waiting for the lease
    assert state() == (JobState.DONE, None)


def claim_elsewhere(app: APIFlask, at: datetime) -> int | None:
    """As another worker does."""

    def claim() -> int | None:
        with app.app_context():
            return jobs._claim(at=at)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(claim).result()


def test_a_job_that_says_nothing_is_not_taken_twice(app: APIFlask, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    moment, renewed, taken = [clock.now()], threading.Event(), []
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    monkeypatch.setattr(jobs, "RENEW_SECONDS", 0.02)

    def be_silent() -> None:
        moment[0] += LEASE * 0.9

        def note(_connection: Connection) -> None:
            renewed.set()

        event.listen(db.engine, "commit", note)  # of the thread that keeps the lease: nobody else writes
        try:
            assert renewed.wait(LONGEST)
        finally:
            event.remove(db.engine, "commit", note)
        moment[0] += LEASE * 0.9
        taken.append(claim_elsewhere(app, moment[0]))

    work.goes = [be_silent]
    assert jobs.run_due() == 1
    assert taken == [None]
    assert state() == (JobState.DONE, None)


@pytest.mark.parametrize("goes_on", [True, False], ids=["says how far it is", "ends"])
def test_of_a_job_that_was_taken_only_the_second_run_counts(
    app: APIFlask, work: Work, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    """The first worker was asleep for longer than its lease."""

    def sleep() -> None:
        assert claim_elsewhere(app, clock.now() + LEASE * 2) is not None
        if not goes_on:
            raise Refused("too late")

    work.goes = [sleep]
    assert jobs.run_due() == 1
    assert state() == (JobState.RUNNING, None)
    leased_until = db.session.scalar(select(Job.leased_until))
    assert leased_until is not None
    assert leased_until > clock.now() + LEASE
