"""The state of the service, measured on request: for `/metrics`, `lms check` and the status page."""

import shutil
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy import case, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from lms.certificates.keys import find_current
from lms.config import Config
from lms.core.background import recurring
from lms.core.background.instruments import Gauge
from lms.core.background.jobs import Job, JobState
from lms.core.background.processes import ProcessKind, list_alive, worker_last_seen
from lms.core.base.engines import engines as engines_of_app
from lms.core.database.session import db, is_sqlite
from lms.core.storage.last_backup import find_last_backup
from lms.mail.outbox import MailState, OutboxMail
from lms.streaming.queries import list_streams_to_package
from lms.version import build_version


@dataclass(frozen=True)
class TaskQueue:
    """Background tasks: how many are in each state, and since when the oldest in it is due."""

    counts: dict[JobState, int]
    oldest: dict[JobState, datetime]


@dataclass(frozen=True)
class MailQueue:
    """E-mails: how many wait, since when the oldest is due, how many are not tried any more, how many were sent in the
    last hour."""

    waiting: int
    oldest: datetime | None
    given_up: int
    sent_last_hour: int


def measure_database() -> tuple[float, int]:
    """How long the database takes to answer (s), and its size (bytes)."""
    started = time.perf_counter()
    db.session.execute(text("SELECT 1"))
    took = time.perf_counter() - started
    if not is_sqlite():
        return took, int(db.session.scalar(select(func.pg_database_size(func.current_database()))) or 0)
    file = Path(db.engine.url.database or "")
    parts = (file, file.with_name(f"{file.name}-wal"))
    return took, sum(part.stat().st_size for part in parts if part.exists())


def read_task_queue() -> TaskQueue:
    """The background tasks by state."""
    query = select(Job.state, func.count(), func.min(func.coalesce(Job.due_at, Job.created_at))).group_by(Job.state)
    rows = db.session.execute(query).all()
    counts = dict.fromkeys(JobState, 0) | {state: count for state, count, _oldest in rows}
    return TaskQueue(counts, {state: oldest for state, _count, oldest in rows})


def read_mail_queue(*, at: datetime) -> MailQueue:
    """The e-mails that are not sent, and those sent lately."""
    is_planned = (OutboxMail.attempts == 0) & (OutboxMail.due_at > at)
    since = case((is_planned, None), (OutboxMail.attempts == 0, OutboxMail.due_at), else_=OutboxMail.created_at)
    query = select(func.count(), func.min(since))
    waiting, oldest = db.session.execute(query.where(OutboxMail.state == MailState.QUEUED)).one()
    given_up, _oldest = db.session.execute(query.where(OutboxMail.state == MailState.FAILED)).one()
    sent = select(func.count()).where(OutboxMail.state == MailState.SENT, OutboxMail.sent_at > at - timedelta(hours=1))
    return MailQueue(waiting, oldest, given_up, db.session.scalar(sent) or 0)


def signing_certificate_end() -> datetime | None:
    """When the certificate of the key that signs certificates expires; None where there is no key."""
    known = find_current()
    return None if known is None else x509.load_pem_x509_certificate(known.certificate.encode()).not_valid_after_utc


def collect_operation(config: Config, *, at: datetime) -> list[Gauge]:
    """Returns the current figures. If the database is unreachable, says so and returns the rest."""
    disk = shutil.disk_usage(config.folder)
    gauges = [
        Gauge("build_info", "The version that runs.", {build_version(): 1}, label="version"),
        Gauge("disk_free_bytes", "Free space where the data folder is.", {"": disk.free}),
        Gauge("disk_size_bytes", "Size of the disk where the data folder is.", {"": disk.total}),
    ]
    if not config.is_demonstration:
        last = find_last_backup(config)
        moment = 0.0 if last is None else last.taken_at.timestamp()
        gauges.append(
            Gauge("last_backup_timestamp_seconds", "When the last backup was taken; 0 if never.", {"": moment})
        )
    try:
        took, size = measure_database()
        gauges += [
            Gauge("database_latency_seconds", "How long the database takes to answer.", {"": took}),
            Gauge("database_size_bytes", "Size of the database.", {"": float(size)}),
            *_jobs(at),
            *_mails(at),
            *_worker(),
            *_recurring(),
            *_processes(at),
            *_streams(),
            *_signing_certificate(),
        ]
        is_up = 1
    except SQLAlchemyError:
        db.session.rollback()
        is_up = 0
    if engines := engines_of_app():
        up = {engine.name: float(engine.state().is_up) for engine in engines}
        gauges.append(Gauge("engine_up", "Whether an optional engine answers.", up, label="engine"))
    return [*gauges, Gauge("database_up", "Whether the database answers.", {"": is_up})]


def _jobs(at: datetime) -> list[Gauge]:
    queue = read_task_queue()
    counts = {state.value: float(count) for state, count in queue.counts.items()}
    ages = {state.value: _age(queue.oldest.get(state), at) for state in (JobState.QUEUED, JobState.RUNNING)}
    return [
        Gauge("jobs", "Background jobs.", counts, label="state"),
        Gauge("jobs_oldest_age_seconds", "Age of the oldest job; 0 if there is none.", ages, label="state"),
    ]


def _mails(at: datetime) -> list[Gauge]:
    queue = read_mail_queue(at=at)
    counts = {"waiting": float(queue.waiting), "given_up": float(queue.given_up)}
    oldest = _age(queue.oldest, at)
    return [
        Gauge("outbox_mails", "Mails that are not sent.", counts, label="state"),
        Gauge("outbox_oldest_age_seconds", "Age of the oldest mail that waits; 0 if none.", {"": oldest}),
    ]


def _worker() -> list[Gauge]:
    seen = worker_last_seen()
    if seen is None:
        return []
    return [Gauge("worker_last_seen_timestamp_seconds", "When a worker was last seen.", {"": seen.timestamp()})]


def _recurring() -> list[Gauge]:
    runs = recurring.list_runs()
    ended = {name: run.ran_at.timestamp() for name, run in runs.items()}
    failing = {name: float(run.failures) for name, run in runs.items()}
    return [
        Gauge("recurring_last_run_timestamp_seconds", "When a recurring task last ended.", ended, label="task"),
        Gauge("recurring_failing", "How often a recurring task failed since it last succeeded.", failing, label="task"),
    ]


def _processes(at: datetime) -> list[Gauge]:
    alive = list_alive(at=at)
    counts = {kind.value: float(sum(row.kind is kind for row in alive)) for kind in ProcessKind}
    ahead: dict[str, float] = {}
    for row in alive:
        if row.clock_ahead_ms is not None:
            ahead[row.host] = row.clock_ahead_ms / 1000
    return [
        Gauge("processes", "Processes of all machines that were seen within the last minute.", counts, label="kind"),
        Gauge("clock_ahead_seconds", "How far the clock of a machine is ahead of the database's.", ahead, label="host"),
    ]


def _streams() -> list[Gauge]:
    waiting = float(len(list_streams_to_package()))
    return [Gauge("streams_to_package", "Lectures with picture or sound to package.", {"": waiting})]


def _signing_certificate() -> list[Gauge]:
    end = signing_certificate_end()
    if end is None:
        return []
    words = "When the certificate of the key that signs certificates expires."
    return [Gauge("signing_certificate_expiry_timestamp_seconds", words, {"": end.timestamp()})]


def _age(oldest: datetime | None, at: datetime) -> float:
    return 0.0 if oldest is None else max(0.0, (at - oldest).total_seconds())
