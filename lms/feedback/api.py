"""API calls of feedback: the questions about a lecture or series, answering, and the results."""

from typing import Any

from apiflask import APIBlueprint

from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.core.base.errors import Forbidden, Invalid, NotFound
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.feedback import actions
from lms.feedback.queries import Subject, form_of
from lms.feedback.results import FeedbackResults, results_of
from lms.feedback.schemas import AnswersOut, FeedbackAnswersIn, FormIn, FormOut, ResultsOut
from lms.people.queries.persons import find_person_id
from lms.questions.rules import dump
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
READERS = (*STAFF, Role.REPORTER)
bp = APIBlueprint("feedback_api", __name__, url_prefix="/api/v1")


def _form(lecture: Lecture) -> dict[str, Any]:
    form = form_of(lecture)
    origin = "lecture" if form.is_of_lecture else "series" if form.is_of_series else "default"
    return {"questions": dump(form.questions), "origin": origin}


@bp.get("/lectures/<int:lecture_id>/feedback-form")
@allow(SIGNED_IN)
@scope("feedback:read")
@bp.output(FormOut)
def get_form(lecture_id: int) -> dict[str, Any]:
    """Returns the questions that are asked about a lecture."""
    return _form(get_lecture(lecture_id, by=current_actor()))


@bp.put("/lectures/<int:lecture_id>/feedback-form")
@allow(*STAFF)
@scope("feedback:write")
@bp.input(FormIn, arg_name="sent")
@bp.output(FormOut)
def put_form(lecture_id: int, sent: dict[str, Any]) -> dict[str, Any]:
    """Writes the questions of a lecture. Without any, those of its series are asked. Given answers keep theirs."""
    by = current_actor()
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)
    actions.save_form(lecture_id, sent["questions"], by=by, at=clock.now())
    return _form(get_lecture(lecture_id, by=by))


@bp.get("/series/<slug>/end-feedback-form")
@allow(SIGNED_IN)
@scope("feedback:read")
@bp.output(FormOut)
def get_form_about_series(slug: str) -> dict[str, Any]:
    """Returns the questions that are asked about a series as a whole when it is over; none where it does not ask."""
    return _form_about(get_series(slug, by=current_actor()))


def _form_about(series: Series) -> dict[str, Any]:
    return {"questions": dump(form_of(series).questions), "origin": "series"}


@bp.put("/series/<slug>/end-feedback-form")
@allow(*STAFF)
@scope("feedback:write")
@bp.input(FormIn, arg_name="sent")
@bp.output(FormOut)
def put_form_about_series(slug: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Writes the questions about a series as a whole. Without any, nobody is asked. Given answers keep theirs.

    Where the series is over, the people who attended it are asked by e-mail half an hour later.
    """
    by = current_actor()
    check_can_edit_series(get_series(slug, by=by), by)
    actions.save_form_about_series(slug, sent["questions"], by=by, at=clock.now())
    return _form_about(get_series(slug, by=by))


@bp.post("/lectures/<int:lecture_id>/feedback")
@allow(SIGNED_IN)
@scope("feedback:write")
@bp.input(FeedbackAnswersIn, arg_name="sent")
@bp.output(AnswersOut)
def give_feedback(lecture_id: int, sent: dict[str, Any]) -> dict[str, Any]:
    """Answers the questions about a lecture for oneself, or changes one's answers, within 14 days of its end."""
    return _answered(get_lecture(lecture_id, by=current_actor()), sent)


@bp.post("/series/<slug>/feedback")
@allow(SIGNED_IN)
@scope("feedback:write")
@bp.input(FeedbackAnswersIn, arg_name="sent")
@bp.output(AnswersOut)
def give_feedback_on_series(slug: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Answers the questions about a series that is over for oneself, or changes one's answers, for 14 days."""
    series = get_series(slug, by=current_actor())
    if not form_of(series).questions:
        raise NotFound
    return _answered(series, sent)


def _answered(subject: Subject, sent: dict[str, Any]) -> dict[str, Any]:
    by = current_actor()
    person_id = by.person_id or 0
    if sent["email"] is not None:
        if not (by.is_administrator and settings().is_demonstration):
            raise Forbidden(_("Administrators can answer for other people only in a demonstration."))
        person_id = find_person_id(sent["email"]) or 0
        if not person_id:
            raise Invalid("email", _("We found no one with this address."))
    return {"answers": actions.answer(subject, person_id, sent["answers"], by=by, at=clock.now())}


@bp.get("/lectures/<int:lecture_id>/feedback-results")
@allow(*READERS)
@scope("feedback:read")
@bp.output(ResultsOut)
def get_results(lecture_id: int) -> dict[str, Any]:
    """Returns what people answered about a lecture, as it was released last. No number is of fewer than five of them,
    nor is the difference of two."""
    return _results(get_lecture(lecture_id, by=current_actor()))


@bp.get("/series/<slug>/feedback-results")
@allow(*READERS)
@scope("feedback:read")
@bp.output(ResultsOut)
def get_results_of_series(slug: str) -> dict[str, Any]:
    """Returns what people answered about a series as a whole, and about its lectures by year, as it was released last.
    No number is of fewer than five of them, nor is the difference of two."""
    return _results(get_series(slug, by=current_actor()))


def _results(subject: Subject) -> dict[str, Any]:
    shown = results_of(subject, by=current_actor(), at=clock.now())
    return {
        "answers": shown.answers,
        "released_at": shown.released_at,
        "attended": shown.attended,
        "closes_at": shown.closes_at,
        "questions": [
            {
                "key": result.question.key,
                "kind": result.question.kind,
                "text": result.question.text,
                "answers": result.answers,
                "mean": _hundredths(result.mean),
                "counts": {str(value): count for value, count in result.counts.items()},
                "comments": [each.text for each in result.comments if each.reason is None],
            }
            for result in shown.questions
        ],
        "groups": {"country": _groups(shown)} if shown.is_of_series else {},
        "years": [
            {
                "year": year,
                "feedback_answers": group.answers,
                "satisfaction": _hundredths(group.mean),
                "satisfied_percent": group.satisfied_percent,
            }
            for year, group in shown.years.items()
        ],
    }


def _groups(shown: FeedbackResults) -> dict[str, Any]:
    return {
        key or "": {
            "answers": group.answers,
            "means": {question: _hundredths(mean) for question, mean in group.means.items()},
        }
        for key, group in shown.countries.items()
    }


def _hundredths(mean: float | None) -> float | None:
    return None if mean is None else round(mean, 2)
