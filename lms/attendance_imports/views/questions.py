"""The preview of an uploaded report, and questions about its time zone, its date order and its columns."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from lms.attendance.models.evidence import AttendanceImport
from lms.attendance.queries.roster import walk_ins_of
from lms.attendance_imports.actions.imports import ImportPreview, preview_attendance
from lms.attendance_imports.actions.kept_files import columns_of, keep_answer
from lms.attendance_imports.actions.staging import StagedFile, TimesDoNotOverlap, stage_attendance
from lms.attendance_imports.forms import FORMAT_NAMES, PublishImportForm, ReadingForm, reading_form
from lms.attendance_imports.queries.imports import content_of
from lms.attendance_imports.queries.mappings import find_mapping
from lms.attendance_imports.readers.mapping import ColumnPreview, RecalledColumns, UnknownHeadings
from lms.catalogue.models import Lecture
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.pages.time import likely_zones
from lms.web.request.identity import current_actor

bp = Blueprint("attendance_imports", __name__, template_folder="../templates")


def render_preview(
    lecture: Lecture,
    file_id: str,
    staged_file: StagedFile,
    preview: ImportPreview,
    *,
    form: PublishImportForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """Renders the page that shows what was found in an uploaded file, and imports it."""
    assert staged_file.staged is not None
    page = render_template(
        "attendance_imports/import_look.html",
        lecture=lecture,
        kept=file_id,
        form=form or PublishImportForm(formdata=None),
        answer=preview.answer,
        strangers=preview.not_enrolled,
        file_name=staged_file.staged.file_name,
        read_as=_read_as(staged_file),
        walk_ins=walk_ins_of(lecture),
    )
    return page, status


def _read_as(staged_file: StagedFile) -> list[tuple[str, str]]:
    """How the file was read, as pairs of label and value."""
    assert staged_file.staged is not None
    report = staged_file.staged.report
    pairs = [(_("Format"), str(FORMAT_NAMES.get(report.format, report.format)))]
    if report.title:
        pairs.append((_("Meeting"), report.title))
    if report.is_local:
        pairs.append((_("Time zone"), staged_file.options.get("time_zone", "")))
    return pairs


_ASKED = {"format", "time_zone", "date_order", "sums", "mapping"}


def questions(error: Invalid | Refused) -> set[str]:
    """The parts of an import that the user can answer differently. Empty where the file itself is wrong."""
    if isinstance(error, Invalid):
        named = {fault.field or "" for fault in error.faults}
        return named if named <= _ASKED else set()
    return error.questions if isinstance(error, TimesDoNotOverlap) else set()


def columns_in(error: Invalid | Refused) -> ColumnPreview | None:
    """The columns of a file to ask about, where an error says them."""
    return error.column_preview if isinstance(error, UnknownHeadings | RecalledColumns | TimesDoNotOverlap) else None


def columns_to_ask(row: AttendanceImport) -> StagedFile:
    """The options of an uploaded file and its columns, without its rows."""
    return StagedFile(row.answer, column_preview=columns_of(row))


def ask(
    lecture: Lecture,
    file_id: str,
    file_name: str,
    staged_file: StagedFile,
    error: Invalid | Refused | None = None,
    *,
    is_first: bool = True,
    fitting: Mapping[str, str] = MappingProxyType({}),
) -> ResponseReturnValue:
    """Renders the page with questions about an uploaded file.

    Without an error it asks about everything that can be set. What a file leaves open when it `is_first` previewed is a
    question, not a mistake. `fitting` are the answers by which alone it fits the lecture: they are selected.
    """
    fields = questions(error) if error is not None else _ASKED
    form = _form(
        lecture,
        replace(staged_file, options={**staged_file.options, **fitting}),
        with_columns=error is not None and "mapping" in fields,
        is_open=error is not None,
    )
    is_question = is_first and isinstance(error, Invalid)
    if isinstance(error, UnknownHeadings) and is_question:
        form.question = error.message
    elif fitting:
        form.question = _(
            "One reading of the times fits the lecture, and is selected below. Check it, then go on to the preview."
        )
    elif isinstance(error, Invalid):
        form.take(error)
    elif isinstance(error, TimesDoNotOverlap):
        for name in error.questions:
            form[name].errors = [error.message]
    page = render_template(
        "attendance_imports/import_ask.html",
        lecture=lecture,
        kept=file_id,
        file_name=file_name,
        form=form,
        wanted=fields,
        is_question=is_question,
    )
    return page, error.status if error is not None and request.method == "POST" else 200


def take_answer(lecture: Lecture, row: AttendanceImport) -> ResponseReturnValue:
    """Reads an uploaded file by the user's answers: shows the preview, or the page again if they are not enough.

    Only answers to the questions asked are accepted; the other options stay as they are. An answer is kept unless it is
    itself the problem.
    """
    by, before = current_actor(), columns_to_ask(row)
    has_columns = any(name.startswith("column_") for name in request.form)
    form = _form(lecture, before, with_columns=has_columns, is_open=False)
    submitted = {name: value for name, value in form.answers().items() if name in request.form}
    answered = {name: value for name, value in row.answer.items() if name not in request.form} | submitted
    if form.columns:
        answered["mapping"] = {column.key: field.data for column, field in form.column_fields()}
    file_id, file_name = row.public_id, row.file_name
    try:
        staged = stage_attendance(lecture.id, content_of(row), file_name=file_name, **answered, by=by)
    except (Invalid, Refused) as error:
        open_still = questions(error)
        if not open_still:
            raise
        staged_file = StagedFile(answered, column_preview=columns_in(error) or before.column_preview)
        if not open_still & {*request.form, *(("mapping",) if form.columns else ())}:
            keep_answer(file_id, staged_file=staged_file, by=by, at=clock.now())
        return ask(lecture, file_id, file_name, staged_file, error, is_first=False)
    preview = preview_attendance(staged, by=by)
    staged_file = StagedFile(answered, staged, preview.names, staged.column_preview or before.column_preview)
    keep_answer(file_id, staged_file=staged_file, by=by, at=clock.now())
    return render_preview(lecture, file_id, staged_file, preview)


def _form(lecture: Lecture, staged_file: StagedFile, *, with_columns: bool, is_open: bool) -> ReadingForm:
    """The form with the current answers, with a choice for each column where one is needed or was made. `is_open` means
    that the file does not contain the answer.
    """
    preview, options = staged_file.column_preview, staged_file.options
    mapping = options.get("mapping") or (find_mapping(preview.signature) if preview is not None else None) or {}
    columns = preview.columns if preview is not None and (with_columns or mapping) else []
    given = {name: value for name, value in options.items() if name != "mapping"}
    likely = likely_zones(lecture.time_zone)
    return reading_form(columns, mapping)(likely=likely, is_open=is_open, data=given)
