"""Pages of the question bank of a series: its questions, their texts in other languages, files of GIFT and QTI."""

import io
from datetime import datetime

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.checks import gift, questions
from lms.checks.actions import bank as bank_actions
from lms.checks.actions import large_files
from lms.checks.forms import (
    BankQuestionForm,
    QuestionFileForm,
    QuestionTextsForm,
    kind_words,
)
from lms.checks.models import BankQuestion, QuestionKind
from lms.checks.qti import writing as qti
from lms.checks.queries import checks as queries
from lms.checks.queries.results import item_shares
from lms.checks.questions import languages_of_question, name_of
from lms.core.base.errors import DomainError, Invalid, NotFound
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _n
from lms.core.text.translations import base_of, is_language, main_language, one_spelling
from lms.core.time import clock
from lms.web.forms.languages import language_choices
from lms.web.pages.time import number
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
bp = Blueprint("checks", __name__, template_folder="../templates")
bp.add_app_template_filter(name_of, "question_name")


@bp.get("/series/<slug>/question-bank")
@allow(*STAFF)
def question_bank(slug: str) -> ResponseReturnValue:
    """The questions of a series that knowledge checks are made of."""
    return _bank(slug)


def _bank(slug: str, form: QuestionFileForm | None = None, preview: bank_actions.QuestionsPreview | None = None) -> str:
    by = current_actor()
    series = queries.get_series_to_edit(slug, by=by)
    rows = queries.list_questions(series, by=by)
    if form is None:
        form = QuestionFileForm(formdata=None)
        form.offer(main_language(series))
    return render_template(
        "checks/bank.html",
        series=series,
        rows=rows,
        languages=sorted({code for row in rows for code in languages_of_question(row.definition)}),
        shares=item_shares(series, by=by),
        kinds=kind_words(),
        form=form,
        preview=preview,
        max_mb=bank_actions.MAX_FILE_MB,
        max_gift_mb=bank_actions.MAX_GIFT_MB,
        most=gift.MAX_QUESTIONS,
    )


@bp.post("/series/<slug>/question-bank/import")
@allow(*STAFF)
@upload_limit
def import_questions(slug: str) -> ResponseReturnValue:
    """Shows what the questions of a GIFT or QTI file would add, and adds them once that is confirmed (`staged`). A
    large file is read in the background: then to the page of that task."""
    form, by, at = QuestionFileForm(), current_actor(), clock.now()
    form.offer(main_language(queries.get_series_to_edit(slug, by=by)))
    if not form.validate():
        return _bank(slug, form), 422
    try:
        if "staged" not in request.form:
            return _previewed(slug, form, by=by, at=at)
        answer = bank_actions.confirm_questions(slug, request.form["staged"], by=by, at=at)
    except Invalid as error:
        form.take(error)
        return _bank(slug, form), 422
    except DomainError as error:
        if not error.message:
            raise
        form.form_errors.append(error.message)
        return _bank(slug, form), error.status
    added = _n("%(n)s question added.", "%(n)s questions added.", answer.created, n=number(answer.created))
    flash(_("Texts saved: %(n)s.", n=number(answer.updated)) if answer.updated else added, "done")
    return redirect(url_for(".question_bank", slug=slug), 303)


@bp.get("/series/<slug>/question-bank/import/<file_id>")
@allow(*STAFF)
def preview_file(slug: str, file_id: str) -> ResponseReturnValue:
    """Shows what a large file would add that was read in the background."""
    by, at = current_actor(), clock.now()
    queries.get_series_to_edit(slug, by=by)
    try:
        preview = large_files.find_preview(slug, file_id, by=by, at=at)
    except NotFound as error:
        if not error.message:
            raise
        flash(error.message, "now")
        return redirect(url_for(".question_bank", slug=slug), 303)
    return _bank(slug, preview=preview)


def _previewed(slug: str, form: QuestionFileForm, *, by: Actor, at: datetime) -> ResponseReturnValue:
    """The preview of what was sent, or the page of the task that reads it."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid("file", _("Choose a file."))
    content = sent.read(bank_actions.MAX_FILE_MB * 1024 * 1024 + 1)
    language, size = form.language.data or "", len(content)
    if size > large_files.LARGE_BYTES:
        job = large_files.request_reading(slug, content, size, language=language, by=by, at=at)
        return redirect(url_for("dashboards.job", public_id=job.public_id), 303)
    return _bank(slug, form, bank_actions.preview_questions(slug, content, size, language=language, by=by, at=at))


@bp.get("/series/<slug>/question-bank.<format>")
@allow(*STAFF)
def export_questions(slug: str, format: str) -> Response:
    """Downloads the question bank as GIFT (`gift`), of which comments name questions of kinds that the format does not
    have, or as a package of QTI (`qti-2.1`, `qti-3.0`). `language`: the texts in another language than the main one, of
    the questions that have any; a file in it comes back into this language by the names of its questions."""
    by = current_actor()
    series = queries.get_series_to_edit(slug, by=by)
    rows = queries.list_questions(series, by=by)
    language = other_language(series)
    items = [(row.id, row.kind, questions.exported(row.id, row.definition, language)) for row in rows]
    if language:
        slug = f"{slug}-{language}"
    version = format.removeprefix("qti-")
    if format == "gift":
        text, left_out = gift.write((kind, definition) for _id, kind, definition in items)
        comments = "".join(f"// Not in this format: {' '.join(name.split())}\n" for name in left_out)
        content, kind, name = f"{comments}\n{text}".encode(), "text/plain; charset=utf-8", f"{slug}.gift.txt"
    elif format != version and version in qti.VERSIONS:
        content = qti.write(iter(items), version)
        kind, name = "application/zip", f"{slug}-{format}.zip"
    else:
        raise NotFound
    answer: Response = send_file(io.BytesIO(content), kind, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.route("/series/<slug>/question-bank/new", methods=["GET", "POST"])
@allow(*STAFF)
def new_question(slug: str) -> ResponseReturnValue:
    """Adds a question; its `kind` is in the address."""
    kind = request.args.get("kind", QuestionKind.ONE.value)
    if kind not in {one.value for one in QuestionKind}:
        raise NotFound
    return _edit_question(slug, None, QuestionKind(kind))


@bp.route("/series/<slug>/question-bank/<int:question_id>", methods=["GET", "POST"])
@allow(*STAFF)
def edit_question(slug: str, question_id: int) -> ResponseReturnValue:
    """Changes a question. People who have begun a check with it finish with the question as it was."""
    by = current_actor()
    series = queries.get_series_to_edit(slug, by=by)
    row = queries.get_question(series, question_id, by=by)
    if language := other_language(series):
        return _translate_question(series, row, language)
    return _edit_question(slug, row, row.kind)


def other_language(series: Series) -> str:
    """The language whose texts the address asks for; empty for the main one. Raises NotFound for no language."""
    language = one_spelling(request.args.get("language", ""))
    if language and not is_language(language):
        raise NotFound
    return "" if base_of(language) == base_of(main_language(series)) else language


def _translate_question(series: Series, row: BankQuestion, language: str) -> ResponseReturnValue:
    by, status, slug, question_id = current_actor(), 200, series.slug, row.id
    form = QuestionTextsForm(row.definition, language, request.form if request.method == "POST" else None)
    if request.method == "POST":

        def work() -> None:
            bank_actions.translate_question(slug, question_id, language, form.texts(), by=by, at=clock.now())

        refusal = form.attempt(work)
        if refusal is None:
            flash(_("Question saved."), "done")
            return redirect(url_for(".edit_question", slug=slug, question_id=question_id), 303)
        status = refusal
        series = queries.get_series_to_edit(slug, by=by)
        row = queries.get_question(series, question_id, by=by)
    return render_template("checks/question_texts.html", series=series, row=row, form=form, language=language), status


def _edit_question(slug: str, row: BankQuestion | None, kind: QuestionKind) -> ResponseReturnValue:
    by, status = current_actor(), 200
    series = queries.get_series_to_edit(slug, by=by)
    form = BankQuestionForm(kind, row.definition if row else None, request.form if request.method == "POST" else None)
    if request.method == "POST":
        row_id = row.id if row else None

        def work() -> None:
            bank_actions.save_question(slug, row_id, kind, form.definition(), by=by, at=clock.now())

        refusal = form.attempt(work)
        if refusal is None:
            flash(_("Question saved."), "done")
            return redirect(url_for(".question_bank", slug=slug), 303)
        status = refusal
        series = queries.get_series_to_edit(slug, by=by)
    page = render_template(
        "checks/question.html",
        series=series,
        form=form,
        kind=kind,
        kinds=kind_words(),
        question_id=row.id if row else None,
        languages=languages_of_question(row.definition) if row else [],
        further=language_choices(),
    )
    return page, status


@bp.post("/series/<slug>/question-bank/<int:question_id>/delete")
@allow(*STAFF)
def delete_question(slug: str, question_id: int) -> ResponseReturnValue:
    """Takes a question out of the bank, where no check has it."""
    bank_actions.retire_question(slug, question_id, by=current_actor(), at=clock.now())
    flash(_("Question deleted."), "done")
    return redirect(url_for(".question_bank", slug=slug), 303)
