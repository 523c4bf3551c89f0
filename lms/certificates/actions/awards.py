"""Issuing certificates: requested, checked, and written in batches. `changes` has the rest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from lms.attendance.models.credits import Outcome
from lms.catalogue.models import CertificateKind, LectureState, Series
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series_by_id
from lms.certificates import keys, rules
from lms.certificates.actions import bulk_issue
from lms.certificates.actions.changes import replace_certificates
from lms.certificates.designs.versions import design_of, version_of_series
from lms.certificates.eligibility import earning, has_earned
from lms.certificates.models import AWARDS, Certificate
from lms.certificates.notices import tell_issued
from lms.certificates.pdf import store
from lms.certificates.queries import certificates, eligibility
from lms.certificates.queries.conditions import conditions_of, met_among
from lms.certificates.queries.render_jobs import count_valid
from lms.core.background.jobs import Job, JobState, get_job, request_job, stop_job
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.cache_versions import touch
from lms.core.database.session import action, db, one_at_a_time
from lms.core.text.i18n import _
from lms.core.text.translations import TextOf
from lms.core.text.typesetting import Coverage
from lms.mail.outbox import post_mails, posted
from lms.people.mail_rows import mail_to
from lms.people.queries.persons import contact_of, with_password

JOB = "issue_certificates"
FILES_JOB = "render_certificates"
BATCH = 500  # small: it blocks the one writer of SQLite


@dataclass
class Batch:
    """The result of one batch of people: counts, and those refused with the reason."""

    issued: int = 0
    already_issued: int = 0
    not_earned: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)


@action
def request_issue(
    series_id: int,
    kind: CertificateKind | None = None,
    *,
    by: Actor,
    at: datetime,
    shown: int | None = None,
    wait: timedelta = timedelta(),
) -> Job:
    """Asks for the certificates of a series to be issued in the background; the job's result are the counts.

    It starts after `wait`. While such a job waits or runs, asking again gives that job. `shown`: the number of
    certificates that was shown, where one was. Raises Forbidden, NotFound, and Refused, also where the number has
    changed since.
    """
    rules.check_can_issue(by)
    one_at_a_time(f"certificates.request {series_id}")
    kind = _check_series(series_id, kind)
    arguments = {"series_id": series_id, "kind": str(kind)}
    waiting = select(Job).where(Job.kind == JOB, Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
    for job in db.session.scalars(waiting):
        if {name: job.arguments.get(name) for name in arguments} == arguments:
            return job
    if shown is not None:
        _check_number(series_id, shown, by=by)
    audit.record("request certificates", by=by, at=at, detail={"kind": str(kind)}, series=series_id)
    arguments |= {"by": by.person_id, "at": at.isoformat()}
    total = len(certificates.candidate_ids(series_id))
    return request_job(JOB, arguments, by=by, at=at, total=total, due_at=at + wait if wait else None)


def _check_number(series_id: int, shown: int, *, by: Actor) -> None:
    number = eligibility.count_earned(get_series_by_id(series_id, by=by).slug, by=by)
    if number != shown:
        raise Refused(
            _("The number of certificates has changed from %(before)s to %(now)s. Check it and issue again.",
              before=shown, now=number)
        )  # fmt: skip


@action
def stop_issue(series_id: int, job_id: str, *, by: Actor, at: datetime) -> None:
    """Stops issuing before it starts, or after the people whose certificates are being written. Issued certificates
    stay valid. Raises Forbidden, NotFound, and Refused once it is over."""
    rules.check_can_issue(by)
    job = get_job(job_id, by=by)
    if job.kind != JOB or job.arguments["series_id"] != series_id:
        raise NotFound
    if job.state is JobState.STOPPED:
        return
    stop_job(job, at=at)
    audit.record("stop certificates", by=by, at=at, series=series_id)


def _check_series(series_id: int, kind: CertificateKind | None) -> CertificateKind:
    """The kind to issue. Raises Refused where the series issues no certificates or its own text cannot be printed."""
    policy = current_policy(series_id)
    kind = rules.kind_to_issue(kind, policy.certificate)
    series = get_series_by_id(series_id, by=SYSTEM)
    design = design_of(version_of_series(series_id))
    titles = certificates.printed_titles(series, certificates.counted_lectures(series_id, policy=policy), design)
    if (fault := titles.fault) is not None:
        raise Refused(fault)
    return kind


@action
def request_files(series_id: int, *, by: Actor, at: datetime) -> Job:
    """Asks for the files of a series' certificates to be made in the background, those that are not there."""
    rules.check_can_issue(by)
    return request_job(FILES_JOB, {"series_id": series_id}, by=by, at=at, total=count_valid(series_id))


def issue_certificates(
    series_id: int,
    kind: CertificateKind | None = None,
    *,
    by: Actor,
    at: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Issues what has been earned in a series, batch by batch, each its own transaction: run twice, nothing twice.

    Returns `{issued, already_issued, not_earned, refused: [{person, reason}]}`.
    """
    rules.check_can_issue(by)
    kind = _check_series(series_id, kind)
    if keys.find_current() is None:
        keys.ensure_key(by=SYSTEM, at=at)
    ids = certificates.candidate_ids(series_id)
    total = Batch()
    for start in range(0, len(ids), BATCH):
        if progress is not None:
            progress(start, len(ids))
        batch = issue_batch(series_id, kind, ids[start : start + BATCH], by=by, at=at)
        total.issued += batch.issued
        total.already_issued += batch.already_issued
        total.not_earned += batch.not_earned
        total.refused += batch.refused
    return {
        "issued": total.issued,
        "already_issued": total.already_issued,
        "not_earned": total.not_earned,
        "refused": total.refused,
    }


@action
def issue_batch(series_id: int, kind: CertificateKind, person_ids: Sequence[int], *, by: Actor, at: datetime) -> Batch:
    """Issues certificates to those of these people who have earned one and have none yet.

    A person whose certificate bears a former name, because the new one could not be printed, gets its successor.
    """
    rules.check_can_issue(by)
    one_at_a_time(f"certificates.issue {series_id}")
    # Locked first: concurrent corrections, merges and erasures wait, and then find the certificate
    people = certificates.held_people(person_ids)
    series, policy = get_series_by_id(series_id, by=SYSTEM), current_policy(series_id)
    lectures = certificates.counted_lectures(series_id, policy=policy, at=at)
    announced = [lecture for lecture in lectures if lecture.state is not LectureState.DRAFT]
    requirement = earning(lectures, policy)
    credits = certificates.credits_of([lecture.id for lecture in lectures], person_ids)
    already = certificates.awarded_ids(series_id, kind, person_ids)
    former = certificates.former_of(series_id, kind, person_ids)
    met = met_among(conditions_of([policy]).get(series_id), person_ids)
    fonts = store.installed_fonts()
    batch = Batch()
    stale: list[tuple[Certificate, Any]] = []
    earned: list[bulk_issue.Earned] = []
    for person_id in person_ids:
        person, row = people.get(person_id), former.get(person_id)
        attended, present_ms = _attendance(credits.get(person_id, {}))
        if person_id in already and (person is None or row is None):
            batch.already_issued += 1
        elif person is None or not (row or has_earned(len(attended), present_ms, requirement, others=person_id in met)):
            batch.not_earned += 1
        elif reason := _obstacle(person, fonts, must_be_confirmed=policy.confirmed_names and row is None):
            batch.refused.append({"person": person.public_id, "reason": reason})
        elif row is not None:
            batch.already_issued += 1
            stale.append((row, person))
        else:
            earned.append(bulk_issue.Earned(person_id, person.full_name, person.native_name, attended))
    if stale:
        replace_certificates(stale, by=by, at=at)
    bulk_issue.write(bulk_issue.Occasion(series, kind, announced, requirement, at), earned)
    batch.issued = len(earned)
    if earned:
        _announce_issued(series, kind, [award.person_id for award in earned], by=by, at=at)
    return batch


def _attendance(credits: Mapping[int, tuple[Outcome, int]]) -> tuple[frozenset[int], int]:
    """The lectures that a person with these credits attended, and the milliseconds that count."""
    attended = frozenset(lecture_id for lecture_id, (outcome, _ms) in credits.items() if outcome is Outcome.ATTENDED)
    return attended, sum(present_ms for _outcome, present_ms in credits.values())


def _announce_issued(series: Series, kind: CertificateKind, person_ids: list[int], *, by: Actor, at: datetime) -> None:
    """Marks the awards as changed, and posts the e-mails and the audit entry of new certificates."""
    touch(AWARDS, [series.id])
    tell_issued(series, kind, person_ids, at=at)
    detail = {"kind": str(kind), "count": len(person_ids)}
    audit.record("issue certificates", by=by, at=at, detail=detail, series=series.id, person=person_ids)


@action
def remind_unconfirmed(slug: str, *, by: Actor, at: datetime) -> int:
    """Asks people who have earned a certificate to confirm their name. Returns how many e-mails are new.

    Sends one e-mail per person and series, however often it is called. Raises Forbidden, NotFound, Refused.
    """
    rules.check_can_issue(by)
    series, waiting = eligibility.unconfirmed_earners(slug, by=by)
    native = certificates.native_names_of(waiting)
    marks = {person_id: f"confirm-name:{series.id}:{person_id}" for person_id in waiting}
    notified, with_account = posted(marks.values()), with_password(waiting)
    mails = [
        mail_to(
            person_id,
            contact,
            "confirm_name",
            {
                "native_name": native[person_id],
                "title": TextOf(series),
                "waits": current_policy(series.id).confirmed_names,
                "has_account": person_id in with_account,
            },
            dedupe_key=marks[person_id],
            at=at,
            series_id=series.id,
        )
        for person_id, contact in contact_of(waiting).items()
        if contact.address and marks[person_id] not in notified
    ]
    count = post_mails(mails)
    if count:
        people = [int(str(mail["person_id"])) for mail in mails]
        audit.record("remind of names", by=by, at=at, series=series.id, person=people)
    return count


def _obstacle(person: Any, fonts: Coverage, *, must_be_confirmed: bool) -> str | None:
    """Why a person who has earned a certificate does not get it yet."""
    reason = store.fault_of_names(person.full_name, person.native_name, fonts)
    if reason is None and must_be_confirmed and person.name_confirmed_at is None:
        return rules.unconfirmed_name()
    return reason
