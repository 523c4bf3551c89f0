"""Reads of what needs an administrator: failed mail and jobs, applications, nominations, lectures to start or end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager

from lms.attendance.queries.appeals import LectureAppeals, list_lectures_with_appeals
from lms.attendance.queries.sessions import unconfirmed_lectures
from lms.catalogue.models import SERIES_TITLE, Lecture, LectureState, Series, Visibility
from lms.certificates.actions.awards import JOB as CERTIFICATES
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import db, read
from lms.core.text.translations import Translations
from lms.dashboards.queries.waiting import UnmatchedIn, count_waiting, list_unmatched
from lms.dashboards.rules import is_late, is_overdue
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.reasons import MailReason
from lms.nominations.queries.listing import SeriesWaiting, list_waiting_series

RECENT = timedelta(days=30)


@dataclass(frozen=True)
class FailedMail:
    """E-mails that will not be tried again: how many, since when the oldest waits, and why the latest failed."""

    count: int
    oldest: datetime
    reason: MailReason | None


@dataclass(frozen=True)
class SeriesApplications:
    """Applications to a series that wait for a decision."""

    series: Series
    count: int
    oldest: datetime


@dataclass(frozen=True)
class SeriesDrafts:
    """A public series with lectures that are not published."""

    slug: str
    title: str
    language: str
    text_language: str | None
    translations: Translations
    count: int
    oldest: datetime


@dataclass(frozen=True)
class Refusals:
    """Certificates that could not be made in the last run of a series."""

    series: Series
    job: Job
    count: int


@dataclass(frozen=True)
class Needs:
    """Everything that needs a decision of an administrator."""

    mail: FailedMail | None
    jobs: Sequence[Job]
    applications: Sequence[SeriesApplications]
    nominations: Sequence[SeriesWaiting]
    overdue: Sequence[Lecture]
    late: Sequence[Lecture]
    unconfirmed: Sequence[Lecture]
    refused: Sequence[Refusals]
    appeals: Sequence[LectureAppeals]
    unmatched: Sequence[UnmatchedIn]
    drafts: Sequence[SeriesDrafts]


def needs_of_administrators(*, by: Actor, at: datetime) -> Needs:
    """Returns what currently needs an administrator. Raises Forbidden for others."""
    if not by.is_administrator:
        raise Forbidden
    open_lectures = _open_lectures(at)
    return Needs(
        mail=_failed_mail(at),
        jobs=failed_jobs(at=at),
        applications=_applications(),
        nominations=list_waiting_series(),
        overdue=[lecture for lecture in open_lectures if is_overdue(lecture, at)],
        late=[lecture for lecture in open_lectures if is_late(lecture, at)],
        unconfirmed=unconfirmed_lectures(by=by),
        refused=_refused(at),
        appeals=list_lectures_with_appeals(by=by),
        unmatched=list_unmatched(by=by) if count_waiting(by=by).unmatched else [],
        drafts=_drafts(),
    )


def list_jobs(*, by: Actor, limit: int = 10) -> list[Job]:
    """Returns recent jobs, newest first, without recounts that changed nothing. Raises Forbidden for others."""
    if not by.is_administrator:
        raise Forbidden
    jobs = db.session.scalars(select(Job).order_by(Job.id.desc()).limit(20 * limit))
    return [job for job in jobs if job.state is not JobState.DONE or (job.result or {}) != {"changed": 0}][:limit]


@dataclass(frozen=True)
class Subjects:
    """The subjects of jobs, by id."""

    series: dict[int, Series]
    lectures: dict[int, Lecture]


def subjects_of(jobs: Sequence[Job], *, by: Actor) -> Subjects:
    """The series and lectures that these jobs are about. Jobs that somebody else asked for: Forbidden."""
    if not by.is_administrator and any(job.asked_by != by.person_id for job in jobs):
        raise Forbidden
    series = [job.arguments["series_id"] for job in jobs if "series_id" in job.arguments]
    lectures = [job.arguments["lecture_id"] for job in jobs if "lecture_id" in job.arguments]
    return Subjects(
        {one.id: one for one in db.session.scalars(select(Series).where(Series.id.in_(series)))} if series else {},
        {one.id: one for one in db.session.scalars(select(Lecture).where(Lecture.id.in_(lectures)))}
        if lectures
        else {},
    )


def _failed_mail(at: datetime) -> FailedMail | None:
    given_up = (
        OutboxMail.state.in_((MailState.FAILED, MailState.UNDELIVERED)),
        OutboxMail.created_at > at - RECENT,
    )
    query = select(func.count(), func.min(OutboxMail.created_at), func.max(OutboxMail.id)).where(*given_up)
    count, oldest, last = db.session.execute(query).one()
    if not count:
        return None
    return FailedMail(count, oldest, db.session.scalar(select(OutboxMail.reason).where(OutboxMail.id == last)))


def _drafts() -> list[SeriesDrafts]:
    oldest = func.min(Lecture.created_at)
    query = (
        select(Series.slug, *SERIES_TITLE, func.count(), oldest)
        .join(Lecture, Lecture.series_id == Series.id)
        .where(Series.visibility == Visibility.PUBLIC, Lecture.state == LectureState.DRAFT)
        .group_by(Series.id)
        .order_by(oldest)
    )
    return [SeriesDrafts(*row) for row in read(query)]


def failed_jobs(*, at: datetime) -> list[Job]:
    """The jobs of the last 30 days that failed, without a later success of the same kind and arguments."""
    query = select(Job).where(Job.created_at > at - RECENT).order_by(Job.id.desc()).limit(200)
    seen: set[tuple[str, str]] = set()
    failed = []
    for job in db.session.scalars(query):
        arguments = {name: value for name, value in job.arguments.items() if name not in {"at", "by"}}
        key = (job.kind, repr(sorted(arguments.items())))
        if key not in seen and job.state is JobState.FAILED:
            failed.append(job)
        if job.state in (JobState.FAILED, JobState.DONE):
            seen.add(key)
    return failed


def _applications() -> list[SeriesApplications]:
    query = (
        select(Series, func.count(Enrolment.id), func.min(Enrolment.queued_at))
        .join(Enrolment, Enrolment.series_id == Series.id)
        .where(Enrolment.status == EnrolmentStatus.APPLIED)
        .group_by(Series.id)
        .order_by(func.min(Enrolment.queued_at))
    )
    return [SeriesApplications(series, count, oldest) for series, count, oldest in db.session.execute(query)]


def _open_lectures(at: datetime) -> list[Lecture]:
    query = (
        select(Lecture)
        .join(Lecture.series)
        .where(
            (Lecture.state == LectureState.LIVE)
            | ((Lecture.state == LectureState.SCHEDULED) & (Lecture.starts_at < at))
        )
        .options(contains_eager(Lecture.series))
        .order_by(Lecture.starts_at, Lecture.id)
    )
    return list(db.session.scalars(query))


def _refused(at: datetime) -> list[Refusals]:
    query = (
        select(Job)
        .where(Job.kind == CERTIFICATES, Job.state == JobState.DONE, Job.created_at > at - RECENT)
        .order_by(Job.id.desc())
        .limit(200)
    )
    last: dict[int, Job] = {}
    for job in db.session.scalars(query):
        last.setdefault(int(job.arguments["series_id"]), job)
    stopped = {key: job for key, job in last.items() if (job.result or {}).get("refused")}
    series = {one.id: one for one in db.session.scalars(select(Series).where(Series.id.in_(stopped)))}
    return [
        Refusals(series[key], job, len((job.result or {})["refused"])) for key, job in stopped.items() if key in series
    ]
