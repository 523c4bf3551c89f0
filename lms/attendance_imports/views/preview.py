"""The preview of an uploaded report: what importing it would do."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from lms.attendance.queries.roster import walk_ins_of
from lms.attendance_imports.actions.imports import ImportPreview
from lms.attendance_imports.actions.staged_files import StagedFile
from lms.attendance_imports.forms import FORMAT_NAMES, PublishImportForm
from lms.catalogue.models import Lecture
from lms.core.text.i18n import _


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
