"""API calls for the questions at enrolment and registration, and their answers."""

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Boolean, Dict, Float, Integer, List, Nested, Raw, String
from apiflask.validators import Length

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Role
from lms.core.time import clock
from lms.enrolment_questions import actions, queries
from lms.enrolment_questions.actions import KINDS
from lms.questions.rules import dump
from lms.web.api.api import AnswerSchema, Instant, PageQuery, envelope, integer_cursor
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("enrolment_questions_api", __name__, url_prefix="/api/v1")


class WordsSchema(Schema):
    """The texts of a question in another language, with as many options as the main ones, or none."""

    text = String(load_default="", validate=Length(max=300))
    options = List(String(validate=Length(max=150)), load_default=list, validate=Length(max=30))


class QuestionSchema(Schema):
    """A question. `countries` and `sectors` limit who is asked; `depends_on` is the key of an earlier question, and
    `depends_value` the answer to it with which this one is asked, or empty for any answer.
    """

    key = String(load_default="", validate=Length(max=32), metadata={"description": "Given by the server if empty."})
    kind = String(required=True, metadata={"description": f"One of {', '.join(KINDS)}."})
    text = String(required=True, validate=Length(1, 300))
    options = List(String(validate=Length(max=150)), load_default=list, validate=Length(max=31))
    required = Boolean(load_default=False)
    min = Float(load_default=None, allow_none=True)
    max = Float(load_default=None, allow_none=True)
    max_length = Integer(load_default=None, allow_none=True)
    countries = List(String(validate=Length(2, 8)), load_default=list, validate=Length(max=250))
    sectors = List(String(validate=Length(max=32)), load_default=list, validate=Length(max=10))
    depends_on = String(load_default="", validate=Length(max=32))
    depends_value = String(load_default="", validate=Length(max=150))
    translations = Dict(keys=String(validate=Length(max=35)), values=Nested(WordsSchema), load_default=dict)


class EnrolmentWordsOut(WordsSchema, AnswerSchema):
    """The texts of a question in another language."""


class EnrolmentQuestionOut(QuestionSchema, AnswerSchema):
    """A question. `countries` and `sectors` limit who is asked; it is asked of those who answered `depends_on` by
    `depends_value` or, where that is empty, at all.
    """

    translations = Dict(keys=String(), values=Nested(EnrolmentWordsOut))


class QuestionsIn(Schema):
    """All questions of the form, in their order. `version`: the one that was changed; 409 if there is a newer one."""

    questions = List(Nested(QuestionSchema), required=True, validate=Length(max=200))
    version = Integer(strict=True, load_default=None, allow_none=True)


class EnrolmentQuestionsOut(AnswerSchema):
    """The questions that are asked now. Version 0 has none."""

    version = Integer()
    questions = List(Nested(EnrolmentQuestionOut))


class EnrolmentAnswersIn(Schema):
    """Answers by the key of their question. Files are sent on the page of the questions."""

    answers = Dict(keys=String(validate=Length(max=32)), values=Raw(allow_none=True), required=True)


class OwnAnswersOut(AnswerSchema):
    """The questions that the caller is asked, and what was answered. `missing`: required ones without an answer."""

    version = Integer(metadata={"description": "The version of the questions that are asked now."})
    questions = List(Nested(EnrolmentQuestionOut))
    answers = Dict(keys=String(), values=Raw(), allow_none=True)
    missing = List(String())


class AnsweredOut(AnswerSchema):
    """One person's answers, to the version that the person answered."""

    person = String(attribute="person.public_id")
    full_name = String(attribute="person.full_name")
    country = String(allow_none=True)
    version = Integer()
    answered_at = Instant()
    answers = Dict(keys=String(), values=Raw())


class AnsweredPage(AnswerSchema):
    """A page of the answers to the questions of a series, in the order of names."""

    items = List(Nested(AnsweredOut))
    next = String(allow_none=True)


@bp.get("/series/<slug>/enrolment-questions")
@allow(SIGNED_IN)
@scope("enrolments:read")
@bp.output(EnrolmentQuestionsOut)
def get_questions(slug: str) -> dict[str, Any]:
    """Returns the questions that are asked at enrolment in a series."""
    return _asked(get_series(slug, by=current_actor()).id)


@bp.put("/series/<slug>/enrolment-questions")
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
@scope("enrolments:write")
@bp.input(QuestionsIn, arg_name="sent")
@bp.output(EnrolmentQuestionsOut)
@bp.doc(responses={409: "Someone else has changed the questions"})
def put_questions(slug: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Asks these questions from now on, for staff of the series. Earlier answers keep the version they were given to.
    The same call again changes nothing.
    """
    by = current_actor()
    actions.set_questions(slug, sent["questions"], seen=sent["version"], by=by, at=clock.now())
    return _asked(get_series(slug, by=by).id)


@bp.get("/registration-questions")
@allow(SIGNED_IN)
@scope("enrolments:read")
@bp.output(EnrolmentQuestionsOut)
def get_registration_questions() -> dict[str, Any]:
    """Returns the questions that are asked once of everybody who registers."""
    return _asked(None)


@bp.put("/registration-questions")
@allow(Role.ADMINISTRATOR)
@scope("enrolments:write")
@bp.input(QuestionsIn, arg_name="sent")
@bp.output(EnrolmentQuestionsOut)
@bp.doc(responses={409: "Someone else has changed the questions"})
def put_registration_questions(sent: dict[str, Any]) -> dict[str, Any]:
    """Asks these questions at registration from now on, for administrators. Earlier answers keep the version they were
    given to. The same call again changes nothing.
    """
    actions.set_questions(None, sent["questions"], seen=sent["version"], by=current_actor(), at=clock.now())
    return _asked(None)


def _asked(series_id: int | None) -> dict[str, Any]:
    form = queries.current_form(series_id)
    return {"version": form.version, "questions": dump(form.questions)}


@bp.get("/registration-answers")
@allow(SIGNED_IN)
@scope("enrolments:read")
@bp.output(OwnAnswersOut)
def get_registration_answers() -> dict[str, Any]:
    """Returns what the caller is asked at registration, and has answered."""
    return _own(None)


@bp.put("/registration-answers")
@allow(SIGNED_IN)
@scope("enrolments:write")
@bp.input(EnrolmentAnswersIn, arg_name="sent")
@bp.output(OwnAnswersOut)
def put_registration_answers(sent: dict[str, Any]) -> dict[str, Any]:
    """Answers the questions at registration for the caller, in place of earlier answers. Where a required one is open,
    nobody can enrol in a series themselves.
    """
    actions.answer(None, sent["answers"], by=current_actor(), at=clock.now())
    return _own(None)


@bp.get("/series/<slug>/enrolment-answers")
@allow(SIGNED_IN)
@scope("enrolments:read")
@bp.output(OwnAnswersOut)
def get_own_answers(slug: str) -> dict[str, Any]:
    """Returns what the caller is asked at enrolment in a series, and has answered."""
    return _own(get_series(slug, by=current_actor()))


@bp.put("/series/<slug>/enrolment-answers")
@allow(SIGNED_IN)
@scope("enrolments:write")
@bp.input(EnrolmentAnswersIn, arg_name="sent")
@bp.output(OwnAnswersOut)
def put_own_answers(slug: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Answers the questions of a series for the caller, in place of earlier answers. Enrol afterwards, with
    `POST /api/v1/series/{slug}/enrolments`.
    """
    by = current_actor()
    series = get_series(slug, by=by)
    actions.answer(series, sent["answers"], by=by, at=clock.now())
    return _own(series)


def _own(series: Series | None) -> dict[str, Any]:
    by = current_actor()
    if by.person_id is None:
        raise Forbidden
    inquiry = queries.own_questions(series, by.person_id)
    return {
        "version": inquiry.form.version,
        "questions": dump(inquiry.questions),
        "answers": None if inquiry.answers is None else dict(inquiry.answers),
        "missing": [question.key for question in inquiry.missing],
    }


@bp.get("/series/<slug>/answers")
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
@scope("enrolments:read")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(AnsweredPage)
def list_answers(slug: str, query: dict[str, Any]) -> dict[str, Any]:
    """Lists the answers to the questions at enrolment, for staff of the series."""
    by, limit = current_actor(), query["limit"]
    start = integer_cursor(query["cursor"]) or 0
    rows = queries.list_answers(get_series(slug, by=by), by=by)
    page = list(enumerate(rows, start=1))[start : start + limit + 1]
    answer = envelope(page, limit, lambda row: row[0])
    answer["items"] = [row for _place, row in answer["items"]]
    return answer
