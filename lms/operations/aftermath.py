"""Work that was under way when a backup was taken, and may be done since: after a restore it is not done again."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, Update, delete, exists, func, select, update

from lms.attendance.actions.policies import JOB as POLICY
from lms.attendance.actions.recompute import JOB as RECOMPUTE
from lms.attendance_imports.actions.kept_files import JOB as FILE
from lms.core.background.jobs import RESTORED, Job, JobState
from lms.core.background.processes import ProcessHeartbeat
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import english as _
from lms.core.time import clock
from lms.mail.decisions import stop_due
from lms.operations.manifest import Manifest
from lms.people.models import ApiToken, OneTimeLink, SignInSession
from lms.reports.actions.sending import keep_run
from lms.reports.periods import last_due
from lms.reports.queries.saved import list_plans, was_run

COUNTING_JOBS = ("credit_lecture", "claim_unmatched_attendees", RECOMPUTE, POLICY, FILE)
"""Jobs that bring the database's own rows in step. They run after a restore; all others are ended."""
_VERB = "restore"


@dataclass(frozen=True)
class Stopped:
    """How many mails, jobs and reports were not done again, and how many sessions and tokens ended."""

    mails: int
    jobs: int
    reports: int
    sessions: int
    tokens: int


@action
def stop_what_was_under_way(manifest: Manifest, *, by: Actor, at: datetime) -> Stopped:
    """Ends what may have happened between the backup and now, and everything that lets somebody in without a password.

    Mail that was due is not sent, jobs that hand something out end, and reports that were due count as sent. All
    sessions, links by mail and API tokens end, since some may have been ended after the backup.
    """
    reports = 0
    zone = clock.reporting_zone()
    for plan in list_plans():
        due = last_due(plan.rhythm, plan.hour, at, zone)
        if due.moment > plan.since and not was_run(plan.report_id, due.day):
            failure = _("Not sent: a backup was restored, and it may already have been sent.")
            reports += keep_run(plan, due, failure=failure, at=at)
    open_jobs = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
    ended = update(Job).where(open_jobs, Job.kind.not_in(COUNTING_JOBS))
    jobs = _count(ended.values(state=JobState.FAILED, error=RESTORED, finished_at=at, leased_until=None))
    db.session.execute(update(Job).where(open_jobs).values(state=JobState.QUEUED, leased_until=None))
    open_sessions = update(SignInSession).where(SignInSession.ended_at.is_(None))
    sessions = _count(open_sessions.values(ended_at=at, expires_at=at))
    db.session.execute(delete(OneTimeLink))
    tokens = _count(update(ApiToken).where(ApiToken.revoked_at.is_(None)).values(revoked_at=at))
    db.session.execute(delete(ProcessHeartbeat))  # of workers of the installation that was backed up
    mails = stop_due(RESTORED, at=at)
    detail = {"taken_at": manifest.taken_at, "mails": mails, "jobs": jobs, "reports": reports, "tokens": tokens}
    audit.record(_VERB, by=by, at=at, detail=detail)
    return Stopped(mails, jobs, reports, sessions, tokens)


def is_unchanged_since_restore() -> bool:
    """Whether this is a restored copy in which nobody has done anything yet."""
    restored_at = db.session.scalar(select(func.max(audit.AuditEntry.at)).where(audit.AuditEntry.verb == _VERB))
    if restored_at is None:
        return False
    return not db.session.scalar(select(exists().where(audit.AuditEntry.at > restored_at)))


def _count(statement: Update) -> int:
    """Executes an update; returns how many rows it changed."""
    return cast("CursorResult[object]", db.session.execute(statement)).rowcount
