"""API calls for knowledge checks: the question bank, checks, attempts and results."""

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint
from flask import jsonify, request

from lms.catalogue.queries.series import get_series
from lms.checks import rules, shown_questions
from lms.checks.actions import attempts as taking
from lms.checks.actions import bank as bank_actions
from lms.checks.actions import checks as actions
from lms.checks.lists import CheckResults
from lms.checks.models import AttemptState
from lms.checks.queries import checks as queries
from lms.checks.queries.checks import OwnCheck, Sitting
from lms.checks.queries.results import ResultCounts, analyse_items, count_results, learning_gains
from lms.checks.rules import CheckInput
from lms.checks.schemas import (
    AnalysisOut,
    AttemptIn,
    AttemptOut,
    BankQuestionIn,
    BankQuestionOut,
    BankQuestionsOut,
    CheckAnswersIn,
    CheckIn,
    CheckOut,
    ChecksOut,
    question_object,
)
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.api.api import ImportAnswerOut, Nothing, consumes
from lms.web.api.idempotency import idempotent
from lms.web.api.openapi import takes
from lms.web.lists.routes import list_api
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
QUESTION_FILE = {
    "type": "object",
    "description": "A file of at most 1,000 questions: GIFT of at most 2 MB, or QTI of at most 10 MB.",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "format": {
            "type": "string",
            "enum": list(bank_actions.FORMATS),
            "description": "GIFT, or QTI 2.1 or 3.0 as a package or one item. Without it, the content says which.",
        },
        "language": {
            "type": "string",
            "description": "The language of the texts, of questions that are in the bank under the same names. Without"
            " it, the main language of the series, and new questions are added.",
        },
    },
}
ANSWERS: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "The question was there already; for a file, the result of the import.",
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/BankQuestionOut"},
                        {"$ref": "#/components/schemas/ImportAnswerOut"},
                    ]
                }
            }
        },
    }
}
READERS = (*STAFF, Role.REPORTER)
RESULTS = "/series/<slug>/checks/<int:check_id>/results"
bp = APIBlueprint("checks_api", __name__, url_prefix="/api/v1")
list_api(bp, RESULTS, "checks:read", *READERS, summary="Lists the people who handed in a knowledge check")(CheckResults)


@bp.get("/series/<slug>/question-bank")
@allow(*STAFF)
@scope("checks:read")
@bp.output(BankQuestionsOut)
def list_questions(slug: str) -> dict[str, Any]:
    """Lists the questions of a series' bank with their right answers."""
    by = current_actor()
    rows = queries.list_questions(queries.get_series_to_edit(slug, by=by), by=by)
    return {"items": [question_object(row) for row in rows], "next": None}


@bp.post("/series/<slug>/question-bank")
@allow(*STAFF)
@upload_limit
@scope("checks:write")
@consumes("multipart/form-data")
@bp.input(BankQuestionIn, arg_name="sent")
@bp.output(BankQuestionOut, status_code=201)
@takes(multipart=QUESTION_FILE)
@bp.doc(responses=ANSWERS)
def add_questions(slug: str, sent: dict[str, Any]) -> Any:
    """Adds a question to the bank (JSON), or those of a file (multipart), which answers how many were added and which
    lines could not be read. What is there already stays as it is."""
    by = current_actor()
    if request.mimetype == "multipart/form-data":
        file = request.files.get("file")
        if file is None:
            raise Invalid("file", _("Send the file in the field “file”."))
        content = file.read(bank_actions.MAX_FILE_MB * 1024 * 1024 + 1)
        format = request.form.get("format")
        language = request.form.get("language", "")
        answer = bank_actions.import_questions(
            slug, format, content, len(content), language=language, by=by, at=clock.now()
        )
        return jsonify(ImportAnswerOut().dump(answer))
    kind, at = sent.pop("kind"), clock.now()
    if kind is None:
        raise Invalid("kind", _("Choose an option from the list."))
    question_id = bank_actions.save_question(slug, None, kind, sent, by=by, at=at)
    row = queries.get_question(queries.get_series_to_edit(slug, by=by), question_id, by=by)
    return question_object(row), 201 if row.changed_at == at else 200


@bp.get("/series/<slug>/checks")
@allow(SIGNED_IN)
@scope("checks:read")
@bp.output(ChecksOut)
def list_checks(slug: str) -> dict[str, Any]:
    """Lists the knowledge checks of a series: all for its staff and reporters, those published for the people
    enrolled."""
    by = current_actor()
    series, checks = queries.list_own(slug, by=by, at=clock.now())
    is_staff = queries.may_edit(series, by)
    return {"items": [_check_object(check, is_staff) for check in checks], "next": None}


def _check_object(taken: OwnCheck, is_staff: bool) -> dict[str, Any]:
    check = taken.check
    shown = {name: getattr(taken, name) for name in ("check", "state", "questions", "passed", "left")}
    titles = {code: texts["title"] for code, texts in (check.translations or {}).items()}
    return {**shown, "titles": titles, "state": taken.state.value, "items": check.items if is_staff else None}


@bp.post("/series/<slug>/checks")
@allow(*STAFF)
@scope("checks:write")
@idempotent
@bp.input(CheckIn, arg_name="sent")
@bp.output(CheckOut, status_code=201)
def make_check(slug: str, sent: dict[str, Any]) -> Any:
    """Makes a knowledge check of questions of the bank, and publishes it unless `publish` is false."""
    by, at = current_actor(), clock.now()
    publish, lecture_id = sent.pop("publish"), sent.pop("lecture")
    if publish and not sent["items"]:
        raise Invalid("items", _("Choose at least one question."))
    check_id = actions.save_check(slug, None, CheckInput(lecture_id=lecture_id, **sent), by=by, at=at)
    if publish:
        actions.publish_check(slug, check_id, by=by, at=at)
    return _read_check(slug, check_id)


@bp.get("/series/<slug>/checks/<int:check_id>")
@allow(SIGNED_IN)
@scope("checks:read")
@bp.output(CheckOut)
def get_check(slug: str, check_id: int) -> Any:
    """Returns a knowledge check, with how far the caller is."""
    return _read_check(slug, check_id)


def _read_check(slug: str, check_id: int) -> dict[str, Any]:
    by = current_actor()
    series = get_series(slug, by=by)
    check = queries.get_check(series, check_id, by=by)
    (taken,) = queries.own_checks([check], by.person_id, at=clock.now())
    return _check_object(taken, queries.may_edit(series, by))


@bp.get("/series/<slug>/checks/<int:check_id>/analysis")
@allow(*READERS)
@scope("checks:read")
@bp.output(AnalysisOut)
def analyse_check(slug: str, check_id: int) -> Any:
    """Returns what came of a knowledge check: people, questions, and what was learned between two checks."""
    by = current_actor()
    series = get_series(slug, by=by)
    check = queries.get_check(series, check_id, by=by)
    gains = [one for one in learning_gains(series, by=by) if check.id in (one.pre.id, one.post.id)]
    counts = count_results(series, by=by).get(check.id, ResultCounts())
    return {**asdict(counts), "items": analyse_items(series, check, by=by), "gains": gains}


@bp.post("/series/<slug>/checks/<int:check_id>/attempts")
@allow(SIGNED_IN)
@scope("checks:write")
@bp.input(AttemptIn, arg_name="sent")
@bp.output(AttemptOut, status_code=201)
@bp.doc(responses={200: "An attempt is open already."})
def begin_attempt(slug: str, check_id: int, sent: dict[str, Any]) -> Any:
    """Begins an attempt for oneself, or returns the one that is open."""
    public_id, is_new = taking.begin_attempt(
        slug,
        check_id,
        email=sent["email"],
        is_demonstration=settings().is_demonstration,
        by=current_actor(),
        at=clock.now(),
    )
    return _read_attempt(slug, public_id), 201 if is_new else 200


@bp.get("/series/<slug>/attempts/<attempt_id>")
@allow(SIGNED_IN)
@scope("checks:read")
@bp.output(AttemptOut)
def get_attempt(slug: str, attempt_id: str) -> Any:
    """Returns one's attempt with its questions."""
    return _read_attempt(slug, attempt_id)


@bp.patch("/series/<slug>/attempts/<attempt_id>")
@allow(SIGNED_IN)
@scope("checks:write")
@bp.input(CheckAnswersIn, arg_name="sent")
@bp.output(AttemptOut)
def save_answers(slug: str, attempt_id: str, sent: dict[str, Any]) -> Any:
    """Saves answers; those that are not named stay. 409 once the attempt was handed in."""
    _sitting(slug, attempt_id)
    is_saved = taking.save_answers(
        attempt_id,
        sent["answers"],
        by=current_actor(),
        at=clock.now(),
        is_demonstration=settings().is_demonstration,
    )
    if not is_saved:
        raise Refused(_("This attempt has been handed in."))
    return _read_attempt(slug, attempt_id)


@bp.post("/series/<slug>/attempts/<attempt_id>/submit")
@allow(SIGNED_IN)
@scope("checks:write")
@bp.input(Nothing, arg_name="body")
@bp.output(AttemptOut)
def submit_attempt(slug: str, attempt_id: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Hands in an attempt. Repeated, nothing changes."""
    _sitting(slug, attempt_id)
    taking.submit_attempt(attempt_id, by=current_actor(), at=clock.now(), is_demonstration=settings().is_demonstration)
    return _read_attempt(slug, attempt_id)


def _sitting(slug: str, attempt_id: str) -> Sitting:
    sitting = queries.get_sitting(attempt_id, by=current_actor(), is_demonstration=settings().is_demonstration)
    if sitting.series.slug != slug:
        raise NotFound
    return sitting


def _read_attempt(slug: str, attempt_id: str) -> dict[str, Any]:
    sitting = _sitting(slug, attempt_id)
    attempt, at = sitting.attempt, clock.now()
    is_done = attempt.state is AttemptState.SUBMITTED
    attempts = queries.attempts_of([attempt.check_id], attempt.person_id)[attempt.check_id]
    shows = is_done and rules.shows_answers(sitting.check, attempts, at)
    return {
        "id": attempt.public_id,
        "check": attempt.check_id,
        "state": attempt.state.value,
        "percent": attempt.percent if is_done else None,
        "passed": attempt.passed if is_done else None,
        "started_at": attempt.started_at,
        "ends_at": sitting.end,
        "submitted_at": attempt.submitted_at,
        "items": [
            {
                "id": question.id,
                "kind": question.kind.value,
                "text": question.text,
                "options": question.options if "options" in question.definition else [],
                "matches": question.matches if "matches" in question.definition else [],
                "answer": sitting.answer(question),
                "right": attempt.marks.get(str(question.id), False) if is_done else None,
                "solution": shown_questions.right_words(question.kind, question.texts) if shows else None,
            }
            for question in sitting.questions
        ],
    }
