"""The question bank of a series: questions, files in and out."""

import io

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from lms.checks.actions import bank as actions
from lms.checks.formats import gift
from lms.checks.forms import BankQuestionForm, QuestionFileForm, kind_words
from lms.checks.models import BankQuestion, QuestionKind
from lms.checks.queries import bank as queries
from lms.checks.queries.results import item_shares
from lms.checks.questions import name_of
from lms.core.base.errors import DomainError, Invalid, NotFound
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _n
from lms.core.time import clock
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


def _bank(slug: str, form: QuestionFileForm | None = None, answer: ImportAnswer | None = None) -> str:
    by = current_actor()
    series = queries.get_series_to_edit(slug, by=by)
    return render_template(
        "checks/bank.html",
        series=series,
        rows=queries.list_questions(series, by=by),
        shares=item_shares(series, by=by),
        kinds=kind_words(),
        form=form or QuestionFileForm(actions.FORMATS),
        answer=answer,
        max_mb=actions.MAX_FILE_MB,
    )


@bp.post("/series/<slug>/question-bank/import")
@allow(*STAFF)
@upload_limit
def import_questions(slug: str) -> ResponseReturnValue:
    """Adds the questions of a GIFT or QTI file."""
    form, sent = QuestionFileForm(actions.FORMATS), request.files.get("file")
    if not form.validate():
        return _bank(slug, form), 422
    try:
        if sent is None or not sent.filename:
            raise Invalid("file", _("Choose a file."))
        content = sent.read(actions.MAX_FILE_MB * 1024 * 1024 + 1)
        answer = actions.import_questions(
            slug, form.format.data or "", content, len(content), by=current_actor(), at=clock.now()
        )
    except Invalid as error:
        form.take(error)
        return _bank(slug, form), 422
    except DomainError as error:
        if not error.message:
            raise
        form.form_errors.append(error.message)
        return _bank(slug, form), error.status
    if answer.rejected:
        return _bank(slug, form, answer)
    flash(_n("%(n)s question added.", "%(n)s questions added.", answer.created, n=number(answer.created)), "done")
    return redirect(url_for(".question_bank", slug=slug), 303)


@bp.get("/series/<slug>/question-bank.<format>")
@allow(*STAFF)
def export_questions(slug: str, format: str) -> Response:
    """Downloads the question bank as GIFT (`gift`). Kinds that the format does not have are named in comments."""
    by = current_actor()
    series = queries.get_series_to_edit(slug, by=by)
    if format not in actions.FORMATS:
        raise NotFound
    text, left_out = gift.write((row.kind, row.definition) for row in queries.list_questions(series, by=by))
    comments = "".join(f"// Not in this format: {' '.join(name.split())}\n" for name in left_out)
    content = io.BytesIO(f"{comments}\n{text}".encode())
    return send_file(content, "text/plain; charset=utf-8", as_attachment=True, download_name=f"{slug}.gift.txt")


@bp.route("/series/<slug>/question-bank/new", methods=["GET", "POST"])
@allow(*STAFF)
def new_question(slug: str) -> ResponseReturnValue:
    """Adds a question; its `kind` is in the address."""
    kind = request.args.get("kind", QuestionKind.ONE.value)
    if kind not in {one.value for one in QuestionKind}:
        raise NotFound
    return _edit(slug, None, QuestionKind(kind))


@bp.route("/series/<slug>/question-bank/<int:question_id>", methods=["GET", "POST"])
@allow(*STAFF)
def edit_question(slug: str, question_id: int) -> ResponseReturnValue:
    """Changes a question. People who have begun a check with it finish with the question as it was."""
    by = current_actor()
    row = queries.get_question(queries.get_series_to_edit(slug, by=by), question_id, by=by)
    return _edit(slug, row, row.kind)


def _edit(slug: str, row: BankQuestion | None, kind: QuestionKind) -> ResponseReturnValue:
    by, status = current_actor(), 200
    series = queries.get_series_to_edit(slug, by=by)
    form = BankQuestionForm(kind, row.definition if row else None, request.form if request.method == "POST" else None)
    if request.method == "POST":
        row_id = row.id if row else None

        def work() -> None:
            actions.save_question(slug, row_id, kind, form.definition(), by=by, at=clock.now())

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
    )
    return page, status


@bp.post("/series/<slug>/question-bank/<int:question_id>/delete")
@allow(*STAFF)
def delete_question(slug: str, question_id: int) -> ResponseReturnValue:
    """Takes a question out of the bank, where no check has it."""
    actions.retire_question(slug, question_id, by=current_actor(), at=clock.now())
    flash(_("Question deleted."), "done")
    return redirect(url_for(".question_bank", slug=slug), 303)
