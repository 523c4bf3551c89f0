"""Background work: exports of rows, and scheduled reports."""

from datetime import date, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import structlog
from sqlalchemy.exc import OperationalError

from lms.core.background.jobs import Run, job
from lms.core.background.recurring import FILES, recurring
from lms.core.base.errors import DomainError, Forbidden, Refused
from lms.core.base.roles import Actor
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.queries.access import load_actor
from lms.people.queries.persons import contact_of
from lms.reports.actions.exports import JOB, as_slice, drop_old_exports, exported_scope
from lms.reports.actions.public import refresh_when_due
from lms.reports.actions.sending import ReportMail, keep_run, put_off
from lms.reports.actions.snapshots import count_frozen
from lms.reports.exports import ExportRows, about, opened, was_anybody_erased, write
from lms.reports.periods import last_due, next_due
from lms.reports.queries.saved import Plan, list_plans, may_see, subscribed, was_run
from lms.reports.rules import EXPORT_KEPT, ReportQuestion, Slice, read_question
from lms.reports.snapshots import freeze
from lms.web.pages.locale import speaking
from lms.web.pages.time import zone_city
from lms.web.request.identity import without_resting_roles

TELL_SECONDS = 1.0
"""How often a job reports its progress."""


@job(JOB, alone=True)
def export(
    run: Run, *, kind: str, form: str, parameters: dict[str, Any], locale: str, by: int | None, at: str
) -> dict[str, Any]:
    """Writes the rows that the requester can currently see to a file that is kept for a day."""
    with speaking(locale, None):
        return _export(run, kind, form, parameters, by, datetime.fromisoformat(at))


def _export(run: Run, kind: str, form: str, parameters: dict[str, Any], by: int | None, at: datetime) -> dict[str, Any]:
    began, reported_at = clock.now(), monotonic()
    actor = load_actor(by, began) if by is not None else None
    if actor is None:
        raise Forbidden
    slice_ = as_slice(parameters)
    scope = exported_scope(slice_, by=actor)

    def progress(done: int, total: int) -> None:
        nonlocal reported_at
        if monotonic() - reported_at >= TELL_SECONDS or done >= total:
            reported_at = monotonic()
            run.progress(done, total)

    key = f"exports/{run.job_id}.{form}"
    with opened() as connection, files.writing(key) as file:
        count = write(ExportRows(kind, scope, connection), file, form, about(kind, slice_, began), progress)
    if was_anybody_erased(began):
        files.delete(key)
        raise Refused(_("A person was deleted while the file was being created. Request the export again."))
    return {
        "rows": count,
        "file": key,
        "name": f"{kind}-{at:%Y-%m-%d}.{form}",
        "expires_at": (clock.now() + EXPORT_KEPT).isoformat(),
    }


log = structlog.get_logger(__name__)


def send_scheduled(*, at: datetime) -> int:
    """Puts every report that is due in the outbox; returns how many runs it recorded. Called by the worker regularly.

    Of several missed times, only the latest counts. A report that cannot be counted is recorded as a failure with its
    reason; while the database is away nothing is recorded, and it is tried again.
    """
    zone, count = clock.reporting_zone(), 0
    plans = list_plans()
    for plan in plans:
        due = last_due(plan.rhythm, plan.hour, at, zone)
        if due.moment <= plan.since or was_run(plan.report_id, due.day):
            continue
        owner = _actor(plan.owner_id, at)
        try:
            with speaking((owner and owner.locale) or "en", None):
                letters, left_out = _letters(plan, due.day, owner, at=at)
        except OperationalError as error:
            log.warning("a report is put off", report=plan.report_id, error=type(error).__name__)
            put_off()
            continue
        except DomainError as error:
            reason = error.message or type(error).__name__
            count += keep_run(plan, due, failure=reason, at=at)
        except Exception as error:  # a failing report does not delay those after it
            log.exception("report failed", report=plan.report_id)
            count += keep_run(plan, due, failure=type(error).__name__, at=at)
        else:
            ends = next_due(plan.rhythm, plan.hour, at, zone).moment
            count += keep_run(plan, due, letters, left_out=left_out, expires_at=ends, at=at)
    return count


def _actor(person_id: int, at: datetime) -> Actor | None:
    """A person as an actor, with their current roles."""
    return without_resting_roles(load_actor(person_id, at))


def _letters(plan: Plan, day: date, owner: Actor | None, *, at: datetime) -> tuple[list[ReportMail], int]:
    """The report for each recipient who can see it, and how many cannot. The period is that of the day it was due."""
    question = read_question(plan.question)
    slice_ = question.on(day)
    if owner is None or not may_see(slice_, by=owner):
        raise Forbidden(_("The owner of this report can no longer see it."))
    readers = subscribed(plan.report_id)
    contacts = contact_of(readers)
    seeing = [
        person
        for person in readers
        if person in contacts and (actor := _actor(person, at)) is not None and may_see(slice_, by=actor)
    ]
    if readers and not seeing:
        raise Forbidden(_("None of the recipients can see this report any more."))
    locales = {contacts[person].locale for person in seeing}
    # In the owner's language first: what cannot be counted is then explained in it
    ordered = sorted(locales, key=lambda locale: (locale != owner.locale, locale))
    texts = {locale: _frozen(plan.name, question, slice_, locale, by=owner, at=at) for locale in ordered}
    query = urlencode(_as_dated(plan.question, slice_))
    letters = [
        ReportMail(readers[person], person, contacts[person], texts[contacts[person].locale], query)
        for person in seeing
    ]
    return letters, len(readers) - len(seeing)


def _frozen(name: str, question: ReportQuestion, slice_: Slice, locale: str, *, by: Actor, at: datetime) -> str:
    with speaking(locale, None):
        place = zone_city(clock.reporting_zone())
        given = {"figure": question.figure, "place": place, "locale": locale}
        return freeze(count_frozen(name, slice_, question.dimensions, **given, by=by, at=at))


def _as_dated(parameters: dict[str, str], slice_: Slice) -> dict[str, str]:
    """The parameters that open the same report later, with the dates that the period meant."""
    undated = {name: value for name, value in parameters.items() if name not in ("period", "from", "to")}
    return undated | Slice(slice_.from_day, slice_.to_day).parameters


recurring("public figures", refresh_when_due)
recurring("scheduled reports", send_scheduled)
recurring("old exports", drop_old_exports, every=60, thread=FILES)
