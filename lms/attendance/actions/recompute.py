"""Recomputing many lectures: each in a short separate transaction, so that it can stop anywhere and continue."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.core.background.jobs import Job, JobState, request_job
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db

JOB = "recompute_attendance"
Progress = Callable[[int, int], None]


def recompute_lectures(
    lecture_ids: Sequence[int], *, by: Actor, at: datetime, progress: Progress | None = None
) -> dict[str, Any]:
    """Recounts the credits of these lectures from the evidence and writes the differences. For administrators.

    Uses one transaction per lecture. Returns `{lectures, changed, left_out: [{lecture, reason}]}`; closed lectures are
    left out.
    """
    if not by.is_administrator:
        raise Forbidden
    changed = 0
    left_out: list[dict[str, Any]] = []
    for number, lecture_id in enumerate(lecture_ids):
        if progress is not None:
            progress(number, len(lecture_ids))
        try:
            changed += _recompute(lecture_id, by=by, at=at)
        except Refused as refused:
            left_out.append({"lecture": lecture_id, "reason": refused.message})
    return {"lectures": len(lecture_ids) - len(left_out), "changed": changed, "left_out": left_out}


@action
def _recompute(lecture_id: int, *, by: Actor, at: datetime) -> int:
    hold_facts()
    check_not_closed(lock_lecture(lecture_id))
    return credit_lecture(lecture_id, by=by, at=at)


@action
def request_recompute(*, by: Actor, at: datetime) -> Job:
    """Requests a background job that recomputes all held lectures; returns the existing job if one is waiting or
    running.
    """
    if not by.is_administrator:
        raise Forbidden
    there = select(Job).where(Job.kind == JOB, Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
    waiting = db.session.scalar(there.order_by(Job.id.desc()).limit(1))
    if waiting is not None:
        return waiting
    audit.record("attendance.recompute", by=by, at=at)
    return request_job(JOB, {}, by=by, at=at)
