"""The state of the service: figures for `/metrics`, read on request."""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from pathlib import Path

from cryptography import x509
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from lms import __version__
from lms.certificates.keys import find_current
from lms.config import Config
from lms.core.db import db, is_sqlite
from lms.core.gauges import Gauge
from lms.core.jobs import Job, JobState
from lms.core.worker_heartbeats import worker_last_seen
from lms.mail.outbox import MailState, OutboxMail


def collect_operation(config: Config, *, at: datetime) -> list[Gauge]:
    """Returns the current figures. If the database is unreachable, says so and returns the rest."""
    disk = shutil.disk_usage(config.folder)
    gauges = [
        Gauge("build_info", "The version that runs.", {__version__: 1}, label="version"),
        Gauge("disk_free_bytes", "Free space where the data folder is.", {"": disk.free}),
        Gauge("disk_size_bytes", "Size of the disk where the data folder is.", {"": disk.total}),
    ]
    started = time.perf_counter()
    try:
        db.session.execute(text("SELECT 1"))
        took = time.perf_counter() - started
        gauges += [
            Gauge("database_latency_seconds", "How long the database takes to answer.", {"": took}),
            Gauge("database_size_bytes", "Size of the database.", {"": _database_size()}),
            *_jobs(at),
            *_mails(at),
            *_worker(),
            *_signing_certificate(),
        ]
        is_up = 1
    except SQLAlchemyError:
        db.session.rollback()
        is_up = 0
    return [*gauges, Gauge("database_up", "Whether the database answers.", {"": is_up})]


def _database_size() -> float:
    if not is_sqlite():
        return float(db.session.scalar(select(func.pg_database_size(func.current_database()))) or 0)
    file = Path(db.engine.url.database or "")
    parts = (file, file.with_name(f"{file.name}-wal"))
    return float(sum(part.stat().st_size for part in parts if part.exists()))


def _jobs(at: datetime) -> list[Gauge]:
    counts = dict.fromkeys((state.value for state in JobState), 0.0)
    ages = dict.fromkeys((JobState.QUEUED.value, JobState.RUNNING.value), 0.0)
    query = select(Job.state, func.count(), func.min(Job.created_at)).group_by(Job.state)
    for state, count, oldest in db.session.execute(query):
        counts[state.value] = count
        if state.value in ages:
            ages[state.value] = _age(oldest, at)
    return [
        Gauge("jobs", "Background jobs.", counts, label="state"),
        Gauge("jobs_oldest_age_seconds", "Age of the oldest job; 0 if there is none.", ages, label="state"),
    ]


def _mails(at: datetime) -> list[Gauge]:
    found = select(func.count(), func.min(OutboxMail.created_at))
    waiting, oldest = db.session.execute(found.where(OutboxMail.state == MailState.QUEUED)).one()
    given_up, _oldest = db.session.execute(found.where(OutboxMail.state == MailState.FAILED)).one()
    counts = {"waiting": waiting, "given_up": given_up}
    return [
        Gauge("outbox_mails", "Mails that are not sent.", counts, label="state"),
        Gauge("outbox_oldest_age_seconds", "Age of the oldest mail that waits; 0 if none.", {"": _age(oldest, at)}),
    ]


def _worker() -> list[Gauge]:
    seen = worker_last_seen()
    if seen is None:
        return []
    return [Gauge("worker_last_seen_timestamp_seconds", "When a worker was last seen.", {"": seen.timestamp()})]


def _signing_certificate() -> list[Gauge]:
    known = find_current()
    if known is None:
        return []
    end = x509.load_pem_x509_certificate(known.certificate.encode()).not_valid_after_utc
    words = "When the certificate of the key that signs certificates expires."
    return [Gauge("signing_certificate_expiry_timestamp_seconds", words, {"": end.timestamp()})]


def _age(oldest: datetime | None, at: datetime) -> float:
    return 0.0 if oldest is None else max(0.0, (at - oldest).total_seconds())
