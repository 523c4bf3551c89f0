"""Questions about an uploaded file: its time zone, its date order, the meaning of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from lms.attendance_imports.actions.imports import answer_kept
from lms.attendance_imports.actions.staging import TimesDoNotOverlap, stage_attendance
from lms.attendance_imports.forms import ReadingForm, reading_form
from lms.attendance_imports.queries.mappings import columns_of
from lms.attendance_imports.readers.mapping import UnknownHeadings
from lms.catalogue.models import Lecture
from lms.core import clock
from lms.core.errors import Invalid, Refused
from lms.web.identity import current_actor
from lms.web.time import likely_zones

_ASKED = {"format", "time_zone", "date_order", "sums", "mapping"}


def questions(error: Invalid | Refused) -> set[str]:
    """The parts of an import that the user can answer differently. Empty where the file itself is wrong."""
    if isinstance(error, Invalid):
        named = {fault.field or "" for fault in error.faults}
        return named if named <= _ASKED else set()
    return error.questions if isinstance(error, TimesDoNotOverlap) else set()


def ask(
    lecture: Lecture,
    kept: str,
    file_name: str,
    options: Mapping[str, Any],
    error: Invalid | Refused | None = None,
    *,
    is_first: bool = True,
) -> ResponseReturnValue:
    """Renders the page with questions about an uploaded file.

    Without an error it asks about everything that can be set. What a file leaves open when it `is_first` previewed is a
    question, not a mistake.
    """
    wanted = questions(error) if error is not None else _ASKED
    form = _form(
        lecture, kept, options, with_columns=error is not None and "mapping" in wanted, is_open=error is not None
    )
    is_question = is_first and isinstance(error, Invalid)
    if isinstance(error, UnknownHeadings) and is_question:
        form.question = error.message
    elif isinstance(error, Invalid):
        form.take(error)
    elif isinstance(error, TimesDoNotOverlap):
        for name in error.questions:
            form[name].errors = [error.message]
    page = render_template(
        "attendance_imports/import_ask.html",
        lecture=lecture,
        kept=kept,
        file_name=file_name,
        form=form,
        wanted=wanted,
        is_question=is_question,
    )
    return page, error.status if error is not None and request.method == "POST" else 200


def take_answer(
    lecture: Lecture, kept: str, file_name: str, content: bytes, options: Mapping[str, Any]
) -> dict[str, Any] | ResponseReturnValue:
    """The import options after the user has answered, or the page again if the answers are not enough.

    Only answers to the questions asked are accepted; the other options stay as they are. An answer is kept unless it is
    itself the problem.
    """
    form = _form(
        lecture, kept, options, with_columns=any(name.startswith("column_") for name in request.form), is_open=False
    )
    said = {name: value for name, value in form.asked().items() if name in request.form}
    answered = {name: value for name, value in options.items() if name not in request.form} | said
    if form.columns:
        answered["mapping"] = {column.key: field.data for column, field in form.column_fields()}
    try:
        stage_attendance(lecture.id, content, file_name=file_name, **answered, by=current_actor())
    except (Invalid, Refused) as error:
        open_still = questions(error)
        if not open_still:
            raise
        if not open_still & {*request.form, *(("mapping",) if form.columns else ())}:
            answer_kept(kept, options=answered, by=current_actor(), at=clock.now())
        return ask(lecture, kept, file_name, answered, error, is_first=False)
    return answered


def _form(lecture: Lecture, kept: str, options: Mapping[str, Any], *, with_columns: bool, is_open: bool) -> ReadingForm:
    """The form with the current answers, with a choice for each column where one is needed or was made. `is_open` means
    that the file does not contain the answer.
    """
    column_preview, recalled = columns_of(kept, by=current_actor())
    mapping = options.get("mapping") or recalled
    columns = column_preview.columns if column_preview is not None and (with_columns or mapping) else []
    given = {name: value for name, value in options.items() if name != "mapping"}
    likely = likely_zones(lecture.time_zone)
    return reading_form(columns, mapping)(likely=likely, is_open=is_open, data=given)
