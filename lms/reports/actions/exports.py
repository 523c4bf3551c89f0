"""Exports of rows: requested, created in the background, downloaded, and deleted after a day."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from lms.core.background.jobs import Job, JobState, get_job, request_job
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database.audit import record
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.i18n import _, _n
from lms.reports.queries.scope import Scope, resolve
from lms.reports.rules import EXPORT_FORMATS, EXPORT_JOB, EXPORT_KEPT, EXPORTS, MOST_EXPORTS, Slice, check_question

JOB = EXPORT_JOB
WAITING = (JobState.QUEUED, JobState.RUNNING)


def exported_scope(slice_: Slice, *, by: Actor) -> Scope:
    """The rows that an actor can export: all for reporters, those of their own country for focal points.

    Raises Forbidden for others, and Invalid and NotFound like `queries.count`.
    """
    check_question(slice_, ())
    if not (by.is_reporter or by.is_focal_point):
        raise Forbidden
    scope = resolve(slice_, by=by)
    if not by.is_reporter and (scope.country_id is None or scope.country_id not in by.country_ids):
        raise Forbidden(_("You can only see people from your own country."))
    return scope


@action
def request_export(kind: str, form: str, slice_: Slice, *, locale: str = "en", by: Actor, at: datetime) -> str:
    """Starts an export of the people or attendances in a slice, in the background.

    Focal points must name their own country.
    """
    if kind not in EXPORTS:
        raise Invalid("kind", _("Select people or attendances."))
    if form not in EXPORT_FORMATS:
        raise Invalid("format", _("Select CSV or XLSX."))
    exported_scope(slice_, by=by)
    one_at_a_time("ask for an export")
    settings = as_question(slice_)
    question: dict[str, Any] = {"kind": kind, "form": form, "parameters": settings, "locale": locale}
    waiting = list(db.session.scalars(select(Job).where(Job.kind == JOB, Job.state.in_(WAITING)).order_by(Job.id)))
    for job in waiting:
        if job.asked_by == by.person_id:
            if {name: job.arguments.get(name) for name in question} == question:
                return job.public_id
            raise Refused(_("You already have an export in progress. Wait for it to finish, then start the next one."))
    if len(waiting) >= MOST_EXPORTS:
        raise Refused(
            _n(
                "%(num)s export is already waiting. Try again in a few minutes.",
                "%(num)s exports are already waiting. Try again in a few minutes.",
                len(waiting),
            )
        )
    made = request_job(JOB, {**question, "by": by.person_id, "at": at.isoformat()}, by=by, at=at)
    record("ask_export", by=by, at=at, detail={**settings, "kind": kind, "form": form}, job=made.id)
    return made.public_id


def as_question(slice_: Slice) -> dict[str, Any]:
    """A slice as a job keeps it."""
    given: dict[str, Any] = dict(slice_.filters)
    for name, day in (("from_day", slice_.from_day), ("to_day", slice_.to_day)):
        if day is not None:
            given[name] = day.isoformat()
    return given


def as_slice(question: dict[str, Any]) -> Slice:
    """The slice that a job keeps."""
    given = dict(question)
    for name in ("from_day", "to_day"):
        if name in given:
            given[name] = date.fromisoformat(given[name])
    return Slice(**given)


@action
def fetch_export(public_id: str, *, by: Actor, at: datetime) -> tuple[str, str]:
    """The key in `core.storage.files` and the file name of a finished export. Adds an entry to the audit trail.

    Only for the person who requested it and administrators; permissions are checked again. Raises NotFound for others,
    and after the file is deleted.
    """
    job = get_job(public_id, by=by)
    result: dict[str, Any] = job.result or {}
    if job.kind != JOB or job.state is not JobState.DONE or not result.get("file"):
        raise NotFound
    exported_scope(as_slice(job.arguments["parameters"]), by=by)
    if datetime.fromisoformat(result["expires_at"]) <= at:
        raise NotFound
    record("fetch_export", by=by, at=at, detail={"rows": result["rows"]}, job=job.id)
    return result["file"], result["name"]


def drop_old_exports(*, at: datetime) -> int:
    """Removes the files of exports made longer ago than they are kept."""
    old = select(Job.id).where(Job.kind == JOB, Job.state == JobState.DONE, Job.finished_at <= at - EXPORT_KEPT)
    due = [id_ for id_ in db.session.scalars(old) if _has_file(id_)]
    return forget_exports(due) if due else 0


def _has_file(job_id: int) -> bool:
    return bool((db.session.get_one(Job, job_id).result or {}).get("file"))


@action
def forget_exports(job_ids: list[int] | None = None) -> int:
    """Removes the files of these exports, of all without ids; returns how many there were."""
    query = select(Job).where(Job.kind == JOB, Job.state == JobState.DONE)
    if job_ids is not None:
        query = query.where(Job.id.in_(job_ids))
    forgotten = 0
    for job in db.session.scalars(query):
        key = (job.result or {}).get("file")
        if key:
            gone = {**(job.result or {}), "file": None}
            db.session.execute(update(Job).where(Job.id == job.id).values(result=gone))
            delete_after_commit(key)
            forgotten += 1
    return forgotten
