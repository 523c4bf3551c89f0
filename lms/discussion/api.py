"""API calls for questions of lectures, votes and raised hands."""

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Boolean, Enum, Integer, List, Nested, String
from apiflask.validators import Length
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.discussion import actions, polls
from lms.discussion.models import PollState, QuestionState
from lms.discussion.panel import throttle_questions, throttle_votes
from lms.discussion.queries import QuestionView, get_access, get_question, list_questions
from lms.web.api.api import AnswerSchema, Instant, Nothing, PageQuery, integer_cursor
from lms.web.api.idempotency import idempotent
from lms.web.api.inputs import StrictBoolean
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
bp = APIBlueprint("discussion_api", __name__, url_prefix="/api/v1")
_EMAIL = {"description": "Another person, by an administrator in a demonstration."}
_STATES = [state.value for state in QuestionState]


class ForWhomIn(Schema):
    """For whom an administrator of a demonstration acts."""

    email = String(load_default=None, allow_none=True, validate=Length(max=320), metadata=_EMAIL)


class AskIn(ForWhomIn):
    """A question. `anonymous`: other participants do not see the name."""

    text = String(required=True)
    anonymous = StrictBoolean(load_default=False)


class QuestionChangeIn(Schema):
    """A change by staff. `answer` in writing also answers the question; `hidden` requires a `reason`; `answering` says
    that it is being answered now."""

    state = Enum(QuestionState, by_value=True, load_default=None, allow_none=True)
    answer = String(load_default=None, allow_none=True)
    reason = String(load_default=None, allow_none=True)
    answering = StrictBoolean(load_default=False)


class QuestionMergeIn(Schema):
    """The question that stays."""

    into = Integer(strict=True, required=True)


class QuestionOut(AnswerSchema):
    """A question. `by` is null where other participants do not see who asked; `mine`: the caller asked it; `voted`: the
    caller voted for it. `reason`, why it was hidden, is for staff. `at_seconds` is its second in the replay."""

    id = Integer(attribute="question.id")
    text = String(attribute="question.text")
    by = String(attribute="name", allow_none=True)
    anonymous = Boolean(attribute="question.is_anonymous")
    votes = Integer()
    mine = Boolean(attribute="is_mine")
    voted = Boolean(attribute="has_voted")
    state = String(attribute="question.state", metadata={"enum": _STATES})
    answering = Boolean(attribute="is_being_answered")
    answer = String(attribute="question.answer")
    reason = String(attribute="question.reason")
    asked_at = Instant(attribute="question.asked_at")
    answered_at = Instant(attribute="question.answered_at", allow_none=True)
    at_seconds = Integer(allow_none=True)


class QuestionsOut(AnswerSchema):
    """Questions of a lecture, the most votes first."""

    items = List(Nested(QuestionOut))
    next = String(allow_none=True)


class HandOut(AnswerSchema):
    """A raised hand; null once it is lowered."""

    hand = String(allow_none=True)


def _person(email: str | None) -> int:
    return actions.acting_person(email, is_demonstration=settings().is_demonstration, by=current_actor())


def _read(lecture_id: int, question_id: int, person_id: int | None = None) -> QuestionView:
    return get_question(lecture_id, question_id, person_id=person_id, by=current_actor(), at=clock.now())


@bp.get("/lectures/<int:lecture_id>/questions")
@allow(SIGNED_IN)
@scope("discussion:read")
@bp.input(PageQuery, location="query", arg_name="page")
@bp.output(QuestionsOut)
def list_all(lecture_id: int, page: dict[str, Any]) -> dict[str, Any]:
    """Lists the questions of a lecture that the caller can see, the most votes first."""
    start = integer_cursor(page["cursor"]) or 0
    if start > 1_000_000:
        raise Invalid("cursor", _("This is not a cursor of this list."))
    listed = list_questions(lecture_id, start=start, limit=page["limit"], by=current_actor(), at=clock.now())
    return {"items": listed.items, "next": None if listed.following is None else str(listed.following)}


@bp.post("/lectures/<int:lecture_id>/questions")
@allow(SIGNED_IN)
@scope("discussion:write")
@throttle_questions
@idempotent
@bp.input(AskIn, arg_name="sent")
@bp.output(QuestionOut, status_code=201)
def ask(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Asks a question while the room is open."""
    person_id = _person(sent["email"])
    question_id = actions.ask_question(
        lecture_id,
        sent["text"],
        is_anonymous=sent["anonymous"],
        person_id=person_id,
        by=current_actor(),
        at=clock.now(),
    )
    return _read(lecture_id, question_id, person_id)


@bp.post("/lectures/<int:lecture_id>/questions/<int:question_id>/vote")
@allow(SIGNED_IN)
@scope("discussion:write")
@throttle_votes
@bp.input(ForWhomIn, arg_name="sent")
@bp.output(QuestionOut)
def vote(lecture_id: int, question_id: int, sent: dict[str, Any]) -> Any:
    """Votes for an open question of somebody else. A second vote changes nothing."""
    person_id = _person(sent["email"])
    actions.vote_for(lecture_id, question_id, person_id=person_id, by=current_actor(), at=clock.now())
    return _read(lecture_id, question_id, person_id)


@bp.patch("/lectures/<int:lecture_id>/questions/<int:question_id>")
@allow(*STAFF)
@scope("discussion:write")
@bp.input(QuestionChangeIn, arg_name="sent")
@bp.output(QuestionOut)
def change(lecture_id: int, question_id: int, sent: dict[str, Any]) -> Any:
    """Answers, hides or shows a question, as staff of the lecture."""
    by, at = current_actor(), clock.now()
    if sent["answering"]:
        actions.take_question(lecture_id, question_id, by=by, at=at)
    values = {name: sent[name] for name in ("state", "answer", "reason")}
    actions.change_question(lecture_id, question_id, **values, by=by, at=at)
    return _read(lecture_id, question_id)


@bp.post("/lectures/<int:lecture_id>/questions/<int:question_id>/merge")
@allow(*STAFF)
@scope("discussion:write")
@bp.input(QuestionMergeIn, arg_name="sent")
@bp.output(QuestionOut)
def merge(lecture_id: int, question_id: int, sent: dict[str, int]) -> Any:
    """Merges a question into another one, which is answered."""
    actions.merge_questions(lecture_id, question_id, sent["into"], by=current_actor(), at=clock.now())
    return _read(lecture_id, sent["into"])


@bp.post("/lectures/<int:lecture_id>/hand")
@allow(SIGNED_IN)
@scope("discussion:write")
@throttle_votes
@bp.input(ForWhomIn, arg_name="sent")
@bp.output(HandOut)
def raise_hand(lecture_id: int, sent: dict[str, Any]) -> dict[str, Any]:
    """Raises one's hand. Raised again, nothing changes."""
    person_id = _person(sent["email"])
    return {"hand": actions.raise_hand(lecture_id, person_id=person_id, by=current_actor(), at=clock.now())}


@bp.delete("/lectures/<int:lecture_id>/hand")
@allow(SIGNED_IN)
@scope("discussion:write")
@bp.output({}, status_code=204)
def lower_hand(lecture_id: int) -> ResponseReturnValue:
    """Lowers one's own hand."""
    actions.lower_hand(lecture_id, person_id=_person(None), by=current_actor(), at=clock.now())
    return "", 204


@bp.post("/lectures/<int:lecture_id>/hands/<hand_id>/lower")
@allow(*STAFF)
@scope("discussion:write")
@bp.input(Nothing, arg_name="body")
@bp.output({}, status_code=204)
def lower_other(lecture_id: int, hand_id: str, body: dict[str, Any]) -> ResponseReturnValue:  # noqa: ARG001
    """Lowers somebody's hand, as staff of the lecture."""
    actions.lower_hand_of(lecture_id, hand_id, by=current_actor(), at=clock.now())
    return "", 204


class PollIn(Schema):
    """A poll with 2 to 8 options; `several`: more than one may be chosen."""

    text = String(required=True)
    options = List(String(), required=True, validate=Length(max=20))
    several = StrictBoolean(load_default=False)


class BallotIn(ForWhomIn):
    """The chosen options, counted from 0."""

    options = List(Integer(strict=True), required=True, validate=Length(max=20))


class OptionOut(AnswerSchema):
    """An option. `votes` is null to those who do not see the results yet."""

    text = String()
    votes = Integer(allow_none=True)


class PollOut(AnswerSchema):
    """A poll. `chosen`: what the caller answered; null before they answer."""

    id = Integer(attribute="poll.id")
    text = String(attribute="poll.text")
    several = Boolean(attribute="poll.is_several")
    state = String(attribute="poll.state", metadata={"enum": [state.value for state in PollState]})
    shown = Boolean(attribute="poll.is_shown")
    answers = Integer()
    options = List(Nested(OptionOut))
    chosen = List(Integer(), allow_none=True)


class PollsOut(AnswerSchema):
    """The polls of a lecture, in the order in which they were made."""

    items = List(Nested(PollOut))
    next = String(allow_none=True)


def _poll(lecture_id: int, poll_id: int, person_id: int | None = None) -> polls.PollView:
    return polls.get_poll(lecture_id, poll_id, person_id=person_id, by=current_actor(), at=clock.now())


@bp.get("/lectures/<int:lecture_id>/polls")
@allow(SIGNED_IN)
@scope("discussion:read")
@bp.output(PollsOut)
def list_polls(lecture_id: int) -> dict[str, Any]:
    """Lists the polls of a lecture: to its staff all, to others those that were opened."""
    access = get_access(lecture_id, by=current_actor(), at=clock.now())
    return {"items": polls.list_polls(access), "next": None}


@bp.post("/lectures/<int:lecture_id>/polls")
@allow(*STAFF)
@scope("discussion:write")
@idempotent
@bp.input(PollIn, arg_name="sent")
@bp.output(PollOut, status_code=201)
def make_poll(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Makes a poll, which nobody else sees until it is opened."""
    by, at = current_actor(), clock.now()
    poll_id = polls.make_poll(lecture_id, sent["text"], sent["options"], is_several=sent["several"], by=by, at=at)
    return _poll(lecture_id, poll_id)


def _step(lecture_id: int, poll_id: int, step: str) -> polls.PollView:
    polls.change_poll(lecture_id, poll_id, step, by=current_actor(), at=clock.now())
    return _poll(lecture_id, poll_id)


@bp.post("/lectures/<int:lecture_id>/polls/<int:poll_id>/open")
@allow(*STAFF)
@scope("discussion:write")
@bp.input(Nothing, arg_name="body")
@bp.output(PollOut)
def open_poll(lecture_id: int, poll_id: int, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Opens a poll. Opened again, it keeps its answers."""
    return _step(lecture_id, poll_id, "open")


@bp.post("/lectures/<int:lecture_id>/polls/<int:poll_id>/close")
@allow(*STAFF)
@scope("discussion:write")
@bp.input(Nothing, arg_name="body")
@bp.output(PollOut)
def close_poll(lecture_id: int, poll_id: int, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Closes a poll, whose results all can read then."""
    return _step(lecture_id, poll_id, "close")


@bp.post("/lectures/<int:lecture_id>/polls/<int:poll_id>/show")
@allow(*STAFF)
@scope("discussion:write")
@bp.input(Nothing, arg_name="body")
@bp.output(PollOut)
def show_poll(lecture_id: int, poll_id: int, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Shows the results of an open poll to all."""
    return _step(lecture_id, poll_id, "show")


@bp.post("/lectures/<int:lecture_id>/polls/<int:poll_id>/vote")
@allow(SIGNED_IN)
@scope("discussion:write")
@throttle_votes
@bp.input(BallotIn, arg_name="sent")
@bp.output(PollOut)
def answer_poll(lecture_id: int, poll_id: int, sent: dict[str, Any]) -> Any:
    """Answers an open poll. Another answer replaces the one before until the poll is closed."""
    person_id = _person(sent["email"])
    by, at = current_actor(), clock.now()
    polls.answer_poll(lecture_id, poll_id, sent["options"], person_id=person_id, by=by, at=at)
    return _poll(lecture_id, poll_id, person_id)
