"""Pages for importing attendance reports: upload, preview with questions where a file leaves something open, import."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.models.evidence import AttendanceImport
from lms.attendance.queries.closings import view_of
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance_imports.actions.imports import preview_attendance
from lms.attendance_imports.actions.kept_files import (
    LARGE,
    drop_kept,
    find_staged_import,
    keep_file,
    publish_found,
    request_publish,
)
from lms.attendance_imports.actions.staging import StagedFile, find_fitting_answers, stage_attendance
from lms.attendance_imports.forms import ImportReportForm, PublishImportForm
from lms.attendance_imports.queries.imports import kept_row
from lms.attendance_imports.views.questions import (
    ask,
    bp,
    columns_in,
    columns_to_ask,
    questions,
    render_preview,
    take_answer,
)
from lms.catalogue.models import Lecture, LectureState
from lms.core.base.errors import DomainError, Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.base.import_answers import ImportAnswer
from lms.core.text.i18n import _
from lms.core.text.punctuation import gap
from lms.core.time import clock
from lms.web.pages.time import likely_zones
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


@bp.route("/lectures/<int:lecture_id>/attendance/import", methods=["GET", "POST"])
@upload_limit
@allow(SIGNED_IN)
def import_file(lecture_id: int) -> ResponseReturnValue:
    """Uploads a file and shows its preview, or asks what it leaves open. Saves no attendance."""
    by, at = current_actor(), clock.now()
    lecture = get_editable_lecture(lecture_id, by=by)
    likely = likely_zones(lecture.time_zone)
    form = ImportReportForm(likely=likely)

    def again(status: int) -> ResponseReturnValue:
        is_closed = view_of(lecture_id) is not None
        return render_template(
            "attendance_imports/import.html", lecture=lecture, form=form, is_closed=is_closed
        ), status

    if not form.validate_on_submit():
        return again(422 if request.method == "POST" else 200)
    file = form.file.data
    if not file:
        form.file.errors = [_("Select a file.")]
        return again(422)
    options, content, name = form.answers(), file.read(), file.filename or ""
    try:
        staged = stage_attendance(lecture_id, content, file_name=name, **options, by=by)
    except (Invalid, Refused) as error:
        if questions(error):
            staged_file = StagedFile(options, column_preview=columns_in(error))
            file_id = keep_file(
                lecture_id, content, file_name=name, options=options, staged_file=staged_file, by=by, at=at
            )
            fitting = find_fitting_answers(
                lecture_id,
                content,
                file_name=name,
                **options,
                open_questions=questions(error),
                zones=(*likely, "UTC"),
                by=by,
            )
            return ask(lecture, file_id, name, staged_file, error, fitting=fitting)
        if isinstance(error, Invalid):
            form.take(error)
        else:
            form.file.errors = [error.message]
        return again(error.status)
    except (TooLarge, WrongKind) as error:
        form.file.errors = [error.message]
        return again(error.status)
    preview = preview_attendance(staged, by=by)
    staged_file = StagedFile(options, staged, preview.names, staged.column_preview)
    file_id = keep_file(lecture_id, content, file_name=name, options=options, staged_file=staged_file, by=by, at=at)
    return render_preview(lecture, file_id, staged_file, preview)


@bp.route("/lectures/<int:lecture_id>/attendance/import/<import_id>", methods=["GET", "POST"])
@allow(SIGNED_IN)
def import_look(lecture_id: int, import_id: str) -> ResponseReturnValue:
    """Shows the preview of an uploaded file again, takes answers to questions, and imports on confirmation."""
    by = current_actor()
    lecture = get_editable_lecture(lecture_id, by=by)
    step = request.form.get("step")
    if step == "leave":
        drop_kept(import_id, by=by, at=clock.now())
        flash(_("Import cancelled. Nothing was saved."), "done")
        return redirect(url_for("attendance.roster", lecture_id=lecture_id))
    try:
        row = kept_row(import_id, by=by)
        if row.lecture_id != lecture_id:
            raise NotFound
        if step == "answer":
            return take_answer(lecture, row)
        if "ask" in request.args:
            return ask(lecture, import_id, row.file_name, columns_to_ask(row))
        return _preview_or_import(lecture, row)
    except NotFound:
        flash(
            _("This upload has expired or was already processed. If it was not imported, upload the file again."), "now"
        )
    except DomainError as error:
        flash(error.message, "wrong")
    return redirect(url_for(".import_file", lecture_id=lecture_id))


def _preview_or_import(lecture: Lecture, row: AttendanceImport) -> ResponseReturnValue:
    """The preview of an uploaded file, or where it was confirmed, the way on once it is imported."""
    by, file_id = current_actor(), row.public_id
    try:
        staged_file = find_staged_import(row, by=by)
    except (Invalid, Refused) as error:
        if questions(error):
            return ask(lecture, file_id, row.file_name, columns_to_ask(row), error)
        raise
    form, status = PublishImportForm(), 200
    if form.validate_on_submit():
        try:
            return _import(lecture, file_id, staged_file, skip_bad_rows=form.skip_bad_rows.data)
        except (Invalid, Refused) as error:
            reason = _("Select “Skip the rejected rows and import the others”, or correct the rows in the file.")
            form.skip_bad_rows.errors = [reason if isinstance(error, Invalid) else error.message]
            status = error.status
    assert staged_file.staged is not None
    return render_preview(
        lecture, file_id, staged_file, preview_attendance(staged_file.staged, by=by), form=form, status=status
    )


def _import(lecture: Lecture, file_id: str, staged_file: StagedFile, *, skip_bad_rows: bool) -> ResponseReturnValue:
    """Imports an uploaded file, a large one in the background; redirects to the next page."""
    by, at, staged = current_actor(), clock.now(), staged_file.staged
    assert staged is not None
    if len(staged.rows) > LARGE and (not staged.rejected or skip_bad_rows):
        job = request_publish(file_id, skip_bad_rows=skip_bad_rows, by=by, at=at)
        return redirect(url_for("dashboards.job", public_id=job.public_id))
    lecture_id, is_planned = lecture.id, lecture.state is LectureState.SCHEDULED
    answer = publish_found(file_id, staged_file, skip_bad_rows=skip_bad_rows, by=by, at=at)
    return _published(lecture_id, answer, is_planned=is_planned)


def _published(lecture_id: int, answer: ImportAnswer, *, is_planned: bool) -> ResponseReturnValue:
    message = _(
        "Imported: %(created)s new, %(unchanged)s already imported, %(unmatched)s unmatched, %(rejected)s rejected.",
        created=answer.created + answer.updated,
        unchanged=answer.unchanged,
        unmatched=len(answer.unmatched),
        rejected=len(answer.rejected),
    )
    flash(gap().join([message, *answer.notes]), "done")
    where = "dashboards.times" if is_planned else ".review" if answer.unmatched else "attendance.roster"
    return redirect(url_for(where, lecture_id=lecture_id))
