"""Pages of the questions at enrolment: to answer them, to write them, and the answers as a list."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _l, reader_locale
from lms.core.text.translations import main_language
from lms.core.time import clock
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.series import place_of
from lms.enrolment.rules import check_is_staff_of
from lms.enrolment_questions import actions, queries
from lms.enrolment_questions.queries import AnsweredBy, OwnQuestions
from lms.materials.file_kinds import MIME_TYPES
from lms.people.forms import SECTORS
from lms.people.queries.countries import country_names
from lms.questions.forms import AnswersForm, QuestionsForm, answers_form, questions_data
from lms.questions.rules import Question, answer_words
from lms.web.lists.parts import Choice, Column, FileColumn, Select
from lms.web.lists.routes import list_files, list_page
from lms.web.lists.view import ListView
from lms.web.request.bodies import FORM_BYTES, body_limit
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.views import is_local

bp = Blueprint("enrolment_questions", __name__, template_folder="templates")
STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
MOST_BYTES = 4 * actions.FILE_MB * 1024 * 1024 + FORM_BYTES
_FILTER = "answer_"
"""Precedes the key of a question in addresses, where a key such as `page` means something else."""
_SHOWN = 2
"""How many questions have a column on the page of answers; files have all."""


@bp.route("/series/<slug>/questions", methods=["GET", "POST"])
@allow(SIGNED_IN)
@body_limit(MOST_BYTES)
def answer(slug: str) -> ResponseReturnValue:
    """Asks the reader the organiser's questions, and enrols who is not in the series yet."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    assert by.person_id is not None
    place = place_of(series, by=by, at=at)
    inquiry = queries.own_questions(series, by.person_id, at=at)
    back = url_for("dashboards.series", slug=slug)
    if not inquiry.questions or (not place.is_active and place.refusal):
        return redirect(back, 303)
    if queries.own_questions(None, by.person_id, at=at).is_open and not place.is_active:
        return redirect(url_for(".answer_registration", next=url_for(".answer", slug=slug)), 303)
    form = answers_form(inquiry.questions, inquiry.answers)
    status = 200
    if request.method == "POST":
        refusal = _attempt(form, series, inquiry, enrols=not place.is_active)
        if refusal is None:
            return redirect(back, 303)
        status = refusal
    return _page(form, inquiry, place=place, back=back), status


@bp.route("/me/questions", methods=["GET", "POST"])
@allow(SIGNED_IN)
@body_limit(MOST_BYTES)
def answer_registration() -> ResponseReturnValue:
    """Asks the reader what the organiser asks everybody who registers."""
    by = current_actor()
    assert by.person_id is not None
    inquiry = queries.own_questions(None, by.person_id)
    following = request.args.get("next", "")
    back = following if is_local(following) else url_for("dashboards.me")
    if not inquiry.questions:
        return redirect(back, 303)
    form = answers_form(inquiry.questions, inquiry.answers)
    status = 200
    if request.method == "POST":
        refusal = _attempt(form, None, inquiry, enrols=False)
        if refusal is None:
            return redirect(back, 303)
        status = refusal
    return _page(form, inquiry, place=None, back=back), status


def _page(form: AnswersForm, inquiry: OwnQuestions, **context: Any) -> str:
    return render_template(
        "enrolment_questions/answer.html",
        form=form,
        inquiry=inquiry,
        series=inquiry.series,
        file_mb=actions.FILE_MB,
        **context,
    )


def _attempt(form: AnswersForm, series: Series | None, inquiry: OwnQuestions, *, enrols: bool) -> int | None:
    """Stores what was answered; the status of a refusal, with the form saying why."""

    def store() -> None:
        row = actions.answer(
            series,
            {key: value for key, value in form.answers().items() if key not in _files_of(inquiry.questions)},
            sent_files=_sent_files(inquiry.questions),
            enrols=enrols,
            by=current_actor(),
            at=clock.now(),
        )
        words = {
            EnrolmentStatus.ENROLLED: _("You are enrolled."),
            EnrolmentStatus.WAITLISTED: _(
                "No places are free. You are on the waiting list, and we will e-mail you when it is your turn."
            ),
            EnrolmentStatus.APPLIED: _("We have received your application. We will e-mail you when it is decided."),
        }
        flash(words[row.status] if row is not None else _("Your answers are saved."), "done")

    return form.attempt(store)


def _files_of(questions: Sequence[Question]) -> set[str]:
    return {question.key for question in questions if question.kind == "file"}


def _sent_files(questions: Sequence[Question]) -> dict[str, actions.SentFile]:
    sent = {}
    for key in _files_of(questions):
        file = request.files.get(f"answers-{key}")
        if file is not None and file.filename:
            sent[key] = actions.read_file(file.stream, file.filename, field=f"answers.{key}")
    return sent


# Writing them -----------------------------------------------------------------------------------------------------


@bp.route("/series/<slug>/questions/edit", methods=["GET", "POST"])
@allow(*STAFF)
def edit(slug: str) -> ResponseReturnValue:
    """Writes the questions at enrolment in a series. Answers that were given keep their questions."""
    return _edit(get_series(slug, by=current_actor()))


@bp.route("/admin/registration-questions", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def edit_registration() -> ResponseReturnValue:
    """Writes the questions to everybody who registers."""
    return _edit(None)


def _edit(series: Series | None) -> ResponseReturnValue:
    by = current_actor()
    queries.check_may_ask(series, by)
    current = queries.current_form(series.id if series is not None else None)
    main = main_language(series) if series is not None else ""
    form = QuestionsForm(
        data={"questions": questions_data(current.questions)},
        most=actions.MOST,
        main=main,
        kinds=actions.KINDS,
        sectors=SECTORS,
    )
    status = 200
    if request.method == "POST" and not form.use_step():
        seen = request.form.get("version", type=int)
        slug = series.slug if series is not None else None
        refusal = form.attempt(lambda: actions.set_questions(slug, form.sent(), seen=seen, by=by, at=clock.now()))
        if refusal is None:
            flash(_("The questions are saved. They are asked from now on."), "done")
            return redirect(request.path, 303)
        status = refusal
    answered = queries.count_answered(series.id if series is not None else None)
    page = render_template(
        "enrolment_questions/edit.html", form=form, series=series, current=current, answered=answered
    )
    return page, status


# The answers ------------------------------------------------------------------------------------------------------


@list_files(bp, "/series/<slug>/answers", *STAFF)
@list_page(bp, "/series/<slug>/answers", *STAFF)
class Answers(ListView[AnsweredBy]):
    """The answers of the people of a series to the questions at enrolment."""

    endpoint, template, title = "enrolment_questions.answers", "enrolment_questions/answers.html", _l("Answers")
    anchor, testid = "answers", "answers"
    columns: tuple[Column, ...] = (Column("name", _l("Name")), Column("country", _l("Country"), place="under"))
    text_label = _l("Name")

    def __init__(self, slug: str) -> None:
        by = current_actor()
        self.series = get_series(slug, by=by)
        check_is_staff_of(self.series, by)
        self.questions = queries.current_form(self.series.id).questions
        lists = [question for question in self.questions if question.kind in {"choice", "choices"}]
        shown = [(question.key, question.words(reader_locale()).text) for question in self.questions[:_SHOWN]]
        self.columns = (*type(self).columns, *(Column(_FILTER + key, text, place="wide") for key, text in shown))
        self.filters = {_FILTER + question.key: frozenset(question.options) for question in lists}
        super().__init__(slug=slug)
        self.file_name = f"{slug}-answers"
        self.names = country_names(reader_locale())
        self.file_columns = (
            FileColumn("full_name", "person.full_name", 28),
            FileColumn("person", "person.public_id", 24),
            FileColumn("country", width=8),
            FileColumn("answered_at", width=18),
            FileColumn("version", width=8),
            *(FileColumn(question.text, _cell(question.key), 28) for question in self.questions),
        )

    def query(self, request: ListRequest) -> tuple[Sequence[AnsweredBy], int]:
        rows = self._all(request)
        page = request.within(len(rows))
        return rows[page.offset : page.offset + page.size], len(rows)

    def file_query(self, request: ListRequest) -> Iterable[AnsweredBy]:
        return self._all(request)

    def _all(self, request: ListRequest) -> list[AnsweredBy]:
        return queries.list_answers(
            self.series,
            by=self.by,
            where={name.removeprefix(_FILTER): value for name, value in request.filters.items()},
            q=request.q,
        )

    def selects(self) -> list[Select]:
        everybody = queries.list_answers(self.series, by=self.by)
        selects = []
        for question in self.questions:
            if _FILTER + question.key in self.filters:
                counts = Counter(_chosen(everybody, question.key))
                choices = [
                    Choice(value, question.option(value, reader_locale()), counts[value]) for value in question.options
                ]
                selects.append(Select(_FILTER + question.key, question.words(reader_locale()).text, choices))
        return selects

    def context(self) -> dict[str, Any]:
        return {
            "series": self.series,
            "shown": self.questions[:_SHOWN],
            "words": lambda row, question: _words(row, question.key),
        }


def _chosen(rows: Iterable[AnsweredBy], key: str) -> Iterable[str]:
    for row in rows:
        answer = row.answers.get(key)
        yield from answer if isinstance(answer, list) else [answer] if isinstance(answer, str) else []


def _cell(key: str) -> Any:
    return lambda row: _words(row, key)


def _words(row: AnsweredBy, key: str) -> str:
    """An answer in words, by the question that it was given to."""
    question = row.questions.get(key)
    return answer_words(question, row.answers.get(key), reader_locale()) if question is not None else ""


@bp.get("/series/<slug>/answers/<person_id>/<key>")
@allow(SIGNED_IN)
def answer_file(slug: str, person_id: str, key: str) -> ResponseReturnValue:
    """Downloads a file that a person sent as an answer, for the person and staff of the series."""
    content, stored = queries.get_answer_file(slug, person_id, key, by=current_actor())
    answer: Response = send_file(content, MIME_TYPES[stored["kind"]], as_attachment=True, download_name=stored["name"])
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
