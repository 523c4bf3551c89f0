"""Long work in the background.

A slice registers a function with `@job("kind")`; an action calls `request_job(...)`, which writes a row; the worker
looks for such rows and calls `run_job(id)`. While a job runs, a thread renews its lease, whether it says how far it is
or not. A worker that dies lets the lease run out, and the job is taken again: job functions are therefore idempotent.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from flask import Flask, current_app
from sqlalchemy import JSON, Select, Text, exists, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, aliased, mapped_column

from lms.core.background import instruments, signals, tracing
from lms.core.base.errors import DomainError, Forbidden, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import Base, UtcDateTime, action, db, one_at_a_time, text_enum
from lms.core.storage import files
from lms.core.storage.file_store import FileDamaged, StorageAway
from lms.core.text.i18n import _
from lms.core.time import clock

LEASE = timedelta(seconds=120)
RENEW_SECONDS = 30.0
PATIENCE = timedelta(hours=6)
"""For so long after its start a job that the database or the storage failed is taken again."""
PUT_OFF = timedelta(minutes=1)
"""After this time a job that needs the storage is tried again."""
AWAY = "StorageAway"
"""The error of a queued job that waits for the storage."""
RESTORED = "restored"
"""The error of a job that was under way when a backup was taken that has been restored since."""
log = structlog.get_logger(__name__)


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class Job(Base):
    """A background job: its kind, owner and progress. `asked_by` is a person's plain id.

    It does not start before `due_at`, if there is one.
    """

    __tablename__ = "job"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True, default=lambda: secrets.token_urlsafe(12))
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[JobState] = mapped_column(text_enum(JobState), default=JobState.QUEUED, index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[str | None] = mapped_column(Text)
    asked_by: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def waits_for_storage(self) -> bool:
        """Whether it was put off because the storage is away; it is tried again at `due_at`."""
        return self.state is JobState.QUEUED and self.error == AWAY


class JobStopped(Exception):
    """Raised within a job function that somebody stopped. `result`: what was done before."""

    result: dict[str, Any] | None = None


class _WorkerStops(Exception):
    """Raised within a job function whose worker is about to stop: another worker takes the job."""


class _JobTaken(Exception):
    """Raised within a job function whose lease ran out: another worker has taken the job."""


class _Hold:
    """The lease of a job that runs here. It is ours as long as it is one that this run wrote: no other writes the same.

    Two threads renew it without waiting for each other, which could be within a transaction.
    """

    def __init__(self, job_id: int, leased_until: datetime | None) -> None:
        self._job_id = job_id
        self._written = deque([leased_until], maxlen=50)

    def renew(self, **progress: int) -> bool:
        """Renews the lease, and notes progress; returns False where the job was stopped or another worker took it."""
        until, written = clock.now() + LEASE, tuple(self._written)
        self._written.append(until)
        return _renew(self._job_id, written, until, progress)

    def is_of(self, row: Job) -> bool:
        """Whether a row says that the job is still ours, or that it was stopped."""
        return row.state is JobState.STOPPED or row.leased_until in self._written

    @contextmanager
    def kept(self, app: Flask) -> Iterator[None]:
        """Renews the lease by a thread until the block ends."""
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(RENEW_SECONDS):
                try:
                    with app.app_context():
                        is_ours = self.renew()
                        db.session.remove()
                except Exception as error:
                    log.warning("the lease of a job could not be renewed", job=self._job_id, error=type(error).__name__)
                else:
                    if not is_ours:
                        return

        keeper = threading.Thread(target=keep, name=f"lease of job {self._job_id}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()


class Run:
    """The argument of a job function: its job's id and a way to tell how far it is."""

    def __init__(self, job_id: int, hold: _Hold, *, is_stopping: Callable[[], bool] = bool) -> None:
        self.job_id = job_id
        self._hold = hold
        self._is_stopping = is_stopping

    def progress(self, done: int, total: int) -> None:
        """Records the progress of the job in a short separate transaction, and renews the lease.

        Raises JobStopped once somebody has stopped the job, and ends the function if the worker is about to stop or
        another one has taken the job.
        """
        if self._is_stopping():
            raise _WorkerStops
        if not self._hold.renew(done=done, total=total):
            raise JobStopped if _is_stopped(self.job_id) else _JobTaken


JobFunction = Callable[..., dict[str, Any]]
REGISTRY: dict[str, JobFunction] = {}
ALONE: set[str] = set()
"""Kinds of long jobs of which one runs at a time, so that short ones need not wait behind several of them."""


def job(kind: str, *, alone: bool = False) -> Callable[[JobFunction], JobFunction]:
    """Registers a job function: `function(run: Run, **arguments) -> result`, idempotent.

    `alone`: of all such kinds together one job runs at a time.
    """

    def register(function: JobFunction) -> JobFunction:
        REGISTRY[kind] = function
        if alone:
            ALONE.add(kind)
        return function

    return register


def request_job(
    kind: str, arguments: dict[str, Any], *, by: Actor, at: datetime, total: int = 0, due_at: datetime | None = None
) -> Job:
    """Writes the job's row inside the running action; it starts after the commit, and not before `due_at`."""
    row = Job(kind=kind, arguments=arguments, asked_by=by.person_id, created_at=at, total=total, due_at=due_at)
    db.session.add(row)
    db.session.flush()
    signals.notify(signals.JOBS)
    return row


def get_job(public_id: str, *, by: Actor) -> Job:
    """Returns a job, for administrators and the person who requested it. Raises NotFound for others."""
    row = db.session.scalar(select(Job).where(Job.public_id == public_id))
    if row is None or not (by.is_administrator or (by.is_signed_in and row.asked_by == by.person_id)):
        raise NotFound
    return row


def stop_job(row: Job, *, at: datetime) -> None:
    """Stops a job inside the running action: before its start, or at its next step. Raises Refused once it is over."""
    db.session.refresh(row, with_for_update=True)
    if row.state is JobState.STOPPED:
        return
    if row.state not in (JobState.QUEUED, JobState.RUNNING):
        raise Refused(_("It is over and can no longer be stopped."))
    row.state, row.finished_at, row.leased_until, row.error = JobState.STOPPED, at, None, None


@action
def retry_job(public_id: str, *, by: Actor, at: datetime) -> Job:
    """Queues a failed job again: it continues where it stopped. One that is queued, runs or is done is left as it is.

    Raises NotFound, Forbidden for others than administrators, and Refused if somebody stopped the job.
    """
    row = get_job(public_id, by=by)
    if not by.is_administrator:
        raise Forbidden
    db.session.refresh(row, with_for_update=True)
    if row.state is JobState.STOPPED:
        raise Refused(_("Only a task that failed can be started again. This one was stopped by hand."))
    if row.state is JobState.FAILED:
        audit.record("retry task", by=by, at=at, detail={"task": row.public_id, "kind": row.kind, "error": row.error})
        row.state, row.error, row.due_at = JobState.QUEUED, None, None
        row.started_at = row.finished_at = None
        signals.notify(signals.JOBS)
    return row


def run_due(*, at: datetime | None = None, is_stopping: Callable[[], bool] = bool) -> int:
    """Runs all jobs that are queued, or whose worker let the lease run out; returns how many ran.

    Once `is_stopping`, takes no other job and gives the running one back at its next step.
    """
    ran = 0
    while not is_stopping() and (job_id := _claim(at=at or clock.now())) is not None:
        run_job(job_id, is_stopping=is_stopping)
        ran += 1
    return ran


def _due(at: datetime) -> Select[Job]:
    """Jobs that can be taken now, oldest first."""
    other = aliased(Job)
    occupied = exists().where(other.state == JobState.RUNNING, other.leased_until >= at, other.kind.in_(ALONE))
    return (
        select(Job)
        .where(
            or_(Job.state == JobState.QUEUED, (Job.state == JobState.RUNNING) & (Job.leased_until < at)),
            or_(Job.kind.not_in(ALONE), ~occupied),
            or_(Job.due_at.is_(None), Job.due_at <= at),
        )
        .order_by(Job.id)
        .limit(1)
    )


def _claim(*, at: datetime) -> int | None:
    """Takes the oldest job that is due. Where none is, nothing is locked: the worker asks often."""
    due = db.session.scalar(_due(at).with_only_columns(Job.id))
    db.session.rollback()
    return None if due is None else _claim_due(at=at)


@action
def _claim_due(*, at: datetime) -> int | None:
    one_at_a_time("claim a job")
    row = db.session.scalar(_due(at).with_for_update(skip_locked=True))
    if row is None:
        return None
    row.state, row.started_at, row.leased_until, row.error = JobState.RUNNING, row.started_at or at, at + LEASE, None
    return row.id


def run_job(job_id: int, *, is_stopping: Callable[[], bool] = bool) -> None:
    """Runs a claimed job to its end and writes what came of it."""
    row = db.session.get_one(Job, job_id)
    kind, arguments, started_at = row.kind, dict(row.arguments), row.started_at
    hold = _Hold(job_id, row.leased_until)
    db.session.rollback()
    began = time.perf_counter()
    with tracing.span(f"task {kind}", {"serai.task": kind}) as current:
        with hold.kept(current_app._get_current_object()):  # type: ignore[attr-defined]  # a proxy, for another thread
            state = _attempt(job_id, kind, arguments, hold, started_at=started_at, is_stopping=is_stopping)
        outcome = "interrupted" if state is None else state.value
        if current is not None:
            current.set_attribute("serai.outcome", outcome)
    instruments.TASKS.observe(time.perf_counter() - began, kind, outcome)


def _attempt(
    job_id: int,
    kind: str,
    arguments: dict[str, Any],
    hold: _Hold,
    *,
    started_at: datetime | None,
    is_stopping: Callable[[], bool],
) -> JobState | None:
    """Runs a job and writes what came of it; None if it is taken up again later, or was by another worker."""
    try:
        result = REGISTRY[kind](Run(job_id, hold, is_stopping=is_stopping), **arguments)
    except _WorkerStops:
        db.session.rollback()
        _give_back(job_id, hold)
        return None
    except _JobTaken:
        db.session.rollback()
        log.warning("job was taken by another worker", job=job_id, kind=kind)
        return None
    except JobStopped as stopped:
        return _finish(job_id, hold, JobState.STOPPED, stopped.result, None, at=clock.now())
    except (StorageAway, OperationalError) as error:
        is_lasting = isinstance(error, FileDamaged) or started_at is None or clock.now() - started_at > PATIENCE
        if not is_lasting:
            _put_off(job_id, kind, hold, error)
            return None
        log.exception("job failed", job=job_id, kind=kind)
        reason = type(error).__name__
    except DomainError as error:
        reason = error.message or type(error).__name__
    except Exception as error:
        log.exception("job failed", job=job_id, kind=kind)
        reason = type(error).__name__
    else:
        return _finish(job_id, hold, JobState.DONE, result, None, at=clock.now())
    return _finish(job_id, hold, JobState.FAILED, None, reason, at=clock.now())


def _put_off(job_id: int, kind: str, hold: _Hold, error: StorageAway | OperationalError) -> None:
    """Has a job taken again that needs what is away or full: while the database is, once its lease runs out."""
    log.warning("job put off", job=job_id, kind=kind, error=type(error).__name__)
    db.session.rollback()
    if isinstance(error, StorageAway):
        files.note_failure(error)
        _give_back(job_id, hold, error=AWAY, due_at=clock.now() + PUT_OFF)


@action
def _renew(job_id: int, written: tuple[datetime | None, ...], until: datetime, progress: dict[str, int]) -> bool:
    is_ours = Job.state == JobState.RUNNING, Job.leased_until.in_(written)
    renewed = update(Job).where(Job.id == job_id, *is_ours).values(leased_until=until, **progress).returning(Job.id)
    return db.session.scalar(renewed.execution_options(synchronize_session=False)) is not None


def _is_stopped(job_id: int) -> bool:
    return db.session.scalar(select(Job.state).where(Job.id == job_id)) is JobState.STOPPED


@action
def _give_back(job_id: int, hold: _Hold, *, error: str | None = None, due_at: datetime | None = None) -> None:
    row = db.session.get_one(Job, job_id, with_for_update=True)
    if row.state is JobState.RUNNING and hold.is_of(row):
        row.state, row.leased_until, row.error = JobState.QUEUED, None, error
        row.due_at = due_at or row.due_at


@action
def _finish(
    job_id: int, hold: _Hold, state: JobState, result: dict[str, Any] | None, error: str | None, *, at: datetime
) -> JobState | None:
    """Writes what came of a job; None where another worker has taken it, whose result counts."""
    row = db.session.get_one(Job, job_id, with_for_update=True)
    if not hold.is_of(row):
        log.warning("job was taken by another worker", job=job_id, kind=row.kind)
        return None
    row.state, row.result, row.error, row.finished_at, row.leased_until = state, result, error, at, None
    if state is JobState.DONE:
        row.done = row.total
    if row.kind in ALONE:  # the next of them can begin
        signals.notify(signals.JOBS)
    return state
