"""Queries for requested exports of rows."""

from __future__ import annotations

from sqlalchemy import select

from lms.core.db import db
from lms.core.errors import NotFound
from lms.core.jobs import Job, get_job
from lms.core.roles import Actor
from lms.reports.rules import EXPORT_JOB


def list_exports(*, by: Actor, limit: int = 50, cursor: int | None = None) -> list[Job]:
    """One's own exports, newest first: one more than `limit`, where there are more."""
    query = select(Job).where(Job.kind == EXPORT_JOB, Job.asked_by == by.person_id).order_by(Job.id.desc())
    if cursor is not None:
        query = query.where(Job.id < cursor)
    return list(db.session.scalars(query.limit(limit + 1)))


def get_export(public_id: str, *, by: Actor) -> Job:
    """An export, for the person who requested it and administrators. Raises NotFound."""
    found = get_job(public_id, by=by)
    if found.kind != EXPORT_JOB:
        raise NotFound
    return found
