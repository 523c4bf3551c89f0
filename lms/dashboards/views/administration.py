"""The administrators' dashboard, and the page of a long task."""

from collections.abc import Iterable, Sequence

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import list_live
from lms.catalogue.queries.teaching import list_listings_to_end
from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState, get_job
from lms.core.base.errors import Refused
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _n, _p
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.dashboards import work
from lms.dashboards.queries.administration import (
    FailedMail,
    Needs,
    Refusals,
    SeriesApplications,
    needs_of_administrators,
)
from lms.dashboards.texts import translated
from lms.dashboards.views.blueprint import bp
from lms.dashboards.work import TodoRow, TodoStep, appeal_rows, drafts_row, oldest_first, unmatched_rows
from lms.mail.reasons import mail_reason
from lms.nominations.queries.listing import SeriesWaiting
from lms.people.queries.access import get_grant
from lms.reports.queries.public import public_headline
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import number
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


@bp.get("/admin")
@allow(Role.ADMINISTRATOR)
def admin() -> ResponseReturnValue:
    """Shows what needs a decision, oldest first, what is live, and that all else is quiet."""
    by, at = current_actor(), clock.now()
    return render_template(
        "dashboards/admin.html",
        todo=oldest_first(_decisions(needs_of_administrators(by=by, at=at))),
        live=list_live(by=by),
        headline=public_headline(at=at, locale=reader_locale()),
    )


def _decisions(needs: Needs) -> Iterable[TodoRow]:
    yield from (_overdue_row(lecture) for lecture in needs.overdue)
    yield from (_late_row(lecture) for lecture in needs.late)
    yield from (_unconfirmed_row(lecture) for lecture in needs.unconfirmed)
    yield from (_application_row(row) for row in needs.applications)
    yield from (_nomination_row(row) for row in needs.nominations)
    yield from appeal_rows(needs.appeals)
    yield from unmatched_rows(needs.unmatched)
    yield from (drafts_row(row.slug, translated(row), row.count, row.oldest) for row in needs.drafts)
    yield from (_refused_row(row) for row in needs.refused)
    yield from _mail_rows(needs.mail)
    yield from _task_rows(needs.jobs)


def _about(lecture: Lecture, text: str) -> Markup:
    return Markup("{}: {}").format(translated(lecture), text)


def _lecture_row(lecture: Lecture, what: str, about: str, label: str, url: str) -> TodoRow:
    return TodoRow(what, url, _about(lecture, about), [TodoStep(label, url)], since=lecture.starts_at)


def _overdue_row(lecture: Lecture) -> TodoRow:
    url = url_for("dashboards.lecture", lecture_id=lecture.id, _anchor="staff")
    return _lecture_row(lecture, _("Overdue"), _("attendance is counted once it ends"), _("End lecture"), url)


def _late_row(lecture: Lecture) -> TodoRow:
    if lecture.held_unknown:
        url = url_for("catalogue.lecture_edit", lecture_id=lecture.id, _anchor="held")
        return _lecture_row(
            lecture, _("Was it held?"), _("hidden from the public until you answer"), _p("verb", "Answer"), url
        )
    url = url_for("dashboards.lecture", lecture_id=lecture.id, _anchor="staff")
    about = _("start, postpone or cancel it, or import its report")
    return _lecture_row(lecture, _("Not started"), about, _("View"), url)


def _unconfirmed_row(lecture: Lecture) -> TodoRow:
    """A lecture that lasted under five minutes, or in which no one was present."""
    confirm = url_for("catalogue.lecture_confirm", lecture_id=lecture.id)
    undo = url_for("catalogue.lecture_undo_start", lecture_id=lecture.id)
    return TodoRow(
        _("Was it held?"),
        url_for("dashboards.lecture", lecture_id=lecture.id),
        _about(lecture, _("short or empty, and not counted until you confirm it")),
        [
            TodoStep(_("It was held"), confirm, True, f"confirm-{lecture.id}"),
            TodoStep(_("Undo start and end"), undo, True, f"undo-{lecture.id}"),
        ],
        since=lecture.actual_start,
        testid=f"unconfirmed-{lecture.id}",
    )


def _application_row(row: SeriesApplications) -> TodoRow:
    url = url_for("enrolment.series_enrolments", slug=row.series.slug, status="applied")
    what = _n("One application", "%(n)s applications", row.count, n=number(row.count))
    about = translated(row.series)
    return TodoRow(what, url, about, [TodoStep(_("Decide"), url)], since=row.oldest)


def _nomination_row(row: SeriesWaiting) -> TodoRow:
    url = url_for("nominations.admin_nominations", state="submitted", series=row.slug)
    what = _n("One nomination", "%(n)s nominations", row.count, n=number(row.count))
    return TodoRow(what, url, translated(row), [TodoStep(_("Decide"), url)], since=row.oldest)


def _refused_row(row: Refusals) -> TodoRow:
    url = url_for("certificates.progress", slug=row.series.slug, job_id=row.job.public_id)
    what = _n("One certificate blocked", "%(n)s certificates blocked", row.count, n=number(row.count))
    about = _("%(series)s: a name cannot be printed", series=reader_text(row.series))
    return TodoRow(what, url, about, [TodoStep(_("Correct"), url)], since=row.job.finished_at or row.job.created_at)


def _mail_rows(mail: FailedMail | None) -> Iterable[TodoRow]:
    if mail is None:
        return
    url = url_for("dashboards.admin_mail", state="failed", period="month")
    what = _n("One e-mail failed", "%(n)s e-mails failed", mail.count, n=number(mail.count))
    why = mail_reason(mail.reason) if mail.reason is not None else ""
    yield TodoRow(what, url, why, [TodoStep(_("View"), url)], since=mail.oldest, testid="failed-mail")


def _task_rows(failed: Sequence[Job]) -> Iterable[TodoRow]:
    if not failed:
        return
    url = url_for("operations.status", _anchor="tasks")
    what = _n("One task failed", "%(num)s tasks failed", len(failed))
    about = _("What was done before is kept.")
    yield TodoRow(what, url, about, [TodoStep(_("View"), url)], since=min(job.created_at for job in failed))


@bp.get("/admin/people/<public_id>/roles/<int:grant_id>/revoke")
@allow(Role.ADMINISTRATOR)
def revoke_role(public_id: str, grant_id: int) -> ResponseReturnValue:
    """Says what ends with a role, and asks before it is removed."""
    by = current_actor()
    person, grant, country = get_grant(public_id, grant_id, by=by)
    ending = list_listings_to_end(person.id, without_grant=grant.id, by=by)
    return render_template("dashboards/revoke_role.html", person=person, grant=grant, country=country, ending=ending)


@bp.get("/jobs/<public_id>")
@allow(SIGNED_IN)
def job(public_id: str) -> ResponseReturnValue:
    """Shows the progress and result of a task, to administrators and the person who started it."""
    by = current_actor()
    shown = get_job(public_id, by=by)
    is_over = shown.state in (JobState.DONE, JobState.FAILED, JobState.STOPPED)
    return render_template("dashboards/job.html", job=shown, task=work.describe([shown], by=by)[0], is_over=is_over)


@bp.post("/jobs/<public_id>/retry")
@allow(Role.ADMINISTRATOR)
def retry_job(public_id: str) -> ResponseReturnValue:
    """Starts a task that failed again; it continues where it stopped."""
    try:
        jobs.retry_job(public_id, by=current_actor(), at=clock.now())
    except Refused as refused:
        flash(refused.message, "wrong")
    return redirect(url_for(".job", public_id=public_id), 303)
