"""Pages for importing attendance reports in two steps, with questions where a file leaves something open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.queries.roster import get_editable_lecture, walk_ins_of
from lms.attendance_imports.actions.imports import answer_kept, drop_kept, keep_file, preview_attendance, publish_kept
from lms.attendance_imports.actions.large_files import LARGE, request_publish
from lms.attendance_imports.actions.staging import stage_attendance
from lms.attendance_imports.forms import FORMAT_NAMES, PublishForm, ReportForm
from lms.attendance_imports.queries.imports import kept_import
from lms.attendance_imports.readers.report import Report
from lms.attendance_imports.views.blueprint import bp
from lms.attendance_imports.views.questions import ask, questions, take_answer
from lms.catalogue.models import Lecture, LectureState
from lms.core import clock
from lms.core.errors import DomainError, Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.i18n import _
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.time import likely_zones


@bp.route("/lectures/<int:lecture_id>/attendance/import", methods=["GET", "POST"])
@allow(SIGNED_IN)
def import_file(lecture_id: int) -> ResponseReturnValue:
    """First step: uploads a file and previews it without saving attendance."""
    by, at = current_actor(), clock.now()
    lecture = get_editable_lecture(lecture_id, by=by)
    form = ReportForm(likely=likely_zones(lecture.time_zone))

    def again(status: int) -> ResponseReturnValue:
        return render_template("attendance_imports/import.html", lecture=lecture, form=form), status

    if not form.validate_on_submit():
        return again(422 if request.method == "POST" else 200)
    file = form.file.data
    if not file:
        form.file.errors = [_("Select a file.")]
        return again(422)
    options, content, name = form.asked(), file.read(), file.filename or ""
    try:
        stage_attendance(lecture_id, content, file_name=name, **options, by=by)
    except (Invalid, Refused) as error:
        if questions(error):
            kept = keep_file(lecture_id, content, file_name=name, options=options, by=by, at=at)
            return ask(lecture, kept, name, options, error)
        if isinstance(error, Invalid):
            form.take(error)
        else:
            form.file.errors = [error.message]
        return again(error.status)
    except (TooLarge, WrongKind) as error:
        form.file.errors = [error.message]
        return again(error.status)
    kept = keep_file(lecture_id, content, file_name=name, options=options, by=by, at=at)
    return redirect(url_for(".import_look", lecture_id=lecture_id, import_id=kept))


@bp.route("/lectures/<int:lecture_id>/attendance/import/<import_id>", methods=["GET", "POST"])
@allow(SIGNED_IN)
def import_look(lecture_id: int, import_id: str) -> ResponseReturnValue:  # noqa: C901, PLR0911, PLR0912 - each answer of the page is one branch
    """Second step: previews the import, asks open questions, and imports on confirmation."""
    by, at = current_actor(), clock.now()
    lecture = get_editable_lecture(lecture_id, by=by)
    step = request.form.get("step")
    if step == "leave":
        drop_kept(import_id, by=by, at=at)
        flash(_("Import cancelled. Nothing was saved."), "done")
        return redirect(url_for("attendance.roster", lecture_id=lecture_id))
    form = PublishForm()
    try:
        row, content = kept_import(import_id, by=by)
        if row.lecture_id != lecture_id:
            raise NotFound
        file_name, options = row.file_name, dict(row.answer)
        if step == "answer":
            answered = take_answer(lecture, import_id, file_name, content, options)
            if not isinstance(answered, dict):
                return answered
            answer_kept(import_id, options=answered, by=by, at=at)
            return redirect(url_for(".import_look", lecture_id=lecture_id, import_id=import_id))
        if "ask" in request.args:
            return ask(lecture, import_id, file_name, options)
        try:
            staged = stage_attendance(lecture_id, content, file_name=file_name, **options, by=by)
        except (Invalid, Refused) as error:
            if questions(error):
                return ask(lecture, import_id, file_name, options, error)
            raise
        status = 200
        if form.validate_on_submit():
            try:
                if len(staged.rows) > LARGE and (not staged.rejected or form.skip_bad_rows.data):
                    job = request_publish(import_id, skip_bad_rows=form.skip_bad_rows.data, by=by, at=at)
                    return redirect(url_for("dashboards.job", public_id=job.public_id))
                answer = publish_kept(import_id, skip_bad_rows=form.skip_bad_rows.data, by=by, at=at)
            except (Invalid, Refused) as error:
                reason = _("Select “Skip the rejected rows and import the others”, or correct the rows in the file.")
                form.skip_bad_rows.errors = [reason if isinstance(error, Invalid) else error.message]
                status = error.status
            else:
                return _published(lecture, answer)
        answer, strangers = preview_attendance(staged, by=by)
    except NotFound:
        flash(
            _("This upload has expired or was already processed. If it was not imported, upload the file again."), "now"
        )
        return redirect(url_for(".import_file", lecture_id=lecture_id))
    except DomainError as error:
        flash(error.message, "wrong")
        return redirect(url_for(".import_file", lecture_id=lecture_id))
    page = render_template(
        "attendance_imports/import_look.html",
        lecture=lecture,
        form=form,
        answer=answer,
        strangers=strangers,
        file_name=file_name,
        read_as=_read_as(staged.report, options),
        walk_ins=walk_ins_of(lecture),
    )
    return page, status


def _read_as(report: Report, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the file was read, as pairs of label and value."""
    found = [(_("Format"), str(FORMAT_NAMES.get(report.format, report.format)))]
    if report.title:
        found.append((_("Meeting"), report.title))
    if report.is_local:
        found.append((_("Time zone"), options.get("time_zone", "")))
    return found


def _published(lecture: Lecture, answer: Any) -> ResponseReturnValue:
    said = _(
        "Imported: %(created)s new, %(unchanged)s already known, %(unmatched)s unmatched, %(rejected)s rejected.",
        created=answer.created + answer.updated,
        unchanged=answer.unchanged,
        unmatched=len(answer.unmatched),
        rejected=len(answer.rejected),
    )
    flash(" ".join([said, *answer.notes]), "done")
    where = (
        "dashboards.times"
        if lecture.state is LectureState.SCHEDULED
        else ".review"
        if answer.unmatched
        else "attendance.roster"
    )
    return redirect(url_for(where, lecture_id=lecture.id))
