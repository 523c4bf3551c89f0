"""Which workers are alive: each writes a row every few seconds, from a thread that no long job holds up."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.db import Base, UtcDateTime, action, db

INTERVAL_SECONDS = 15
"""Between two heartbeats of a worker."""
ALIVE_FOR = timedelta(seconds=60)
"""A worker that was seen within this time is alive."""
_FORGOTTEN_AFTER = timedelta(days=1)


class WorkerHeartbeat(Base):
    """One worker process: when it started and when it was last seen. `worker` is `host:pid`."""

    __tablename__ = "worker_heartbeat"
    read_by_strangers = False

    worker: Mapped[str] = mapped_column(String(255), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


@action
def record_worker_heartbeat(worker: str, *, started_at: datetime, at: datetime) -> None:
    """Records that a worker is alive, and deletes the rows of those not seen for a day."""
    db.session.merge(WorkerHeartbeat(worker=worker, started_at=started_at, seen_at=at))
    db.session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.seen_at < at - _FORGOTTEN_AFTER))


@action
def remove_worker_heartbeat(worker: str) -> None:
    """Removes the row of a worker that stops in good order."""
    db.session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.worker == worker))


def list_worker_heartbeats() -> list[WorkerHeartbeat]:
    """The workers that run or stopped within the last day, by name."""
    return list(db.session.scalars(select(WorkerHeartbeat).order_by(WorkerHeartbeat.worker)))


def worker_last_seen() -> datetime | None:
    """When any worker was last seen; None if none has run, or all stopped in good order."""
    return db.session.scalar(select(func.max(WorkerHeartbeat.seen_at)))


def is_worker_alive(*, at: datetime) -> bool:
    """Whether a worker was seen within the last minute."""
    seen = worker_last_seen()
    return seen is not None and at - seen <= ALIVE_FOR
