"""Queries for requested exports of rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.core.background.jobs import Job, get_job
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.time import clock
from lms.reports.rules import EXPORT_JOB

_DAYS = {"from_day": "from", "to_day": "to"}


@dataclass(frozen=True)
class Export:
    """An export, with what its job says of it."""

    job: Job

    @property
    def question(self) -> dict[str, Any]:
        """The slice that was asked for, by the names of parameters."""
        return {_DAYS.get(name, name): value for name, value in self.job.arguments["parameters"].items()}

    @property
    def rows(self) -> int | None:
        """How many rows the file has."""
        rows: int | None = (self.job.result or {}).get("rows")
        return rows

    @property
    def expires_at(self) -> datetime | None:
        """When the file is deleted."""
        text = (self.job.result or {}).get("expires_at")
        return datetime.fromisoformat(text) if text else None

    @property
    def file_of(self) -> str | None:
        """The id under which the file can be downloaded; None until it is there, and after it has expired."""
        is_made = bool((self.job.result or {}).get("file"))
        return self.job.public_id if is_made and self.expires_at and self.expires_at > clock.now() else None


def list_exports(*, by: Actor, limit: int = 50, cursor: int | None = None) -> list[Job]:
    """The actor's exports, newest first: one more than `limit`, where there are more."""
    query = select(Job).where(Job.kind == EXPORT_JOB, Job.asked_by == by.person_id).order_by(Job.id.desc())
    if cursor is not None:
        query = query.where(Job.id < cursor)
    return list(db.session.scalars(query.limit(limit + 1)))


def get_export(public_id: str, *, by: Actor) -> Job:
    """An export, for the person who requested it and administrators. Raises NotFound."""
    job = get_job(public_id, by=by)
    if job.kind != EXPORT_JOB:
        raise NotFound
    return job
