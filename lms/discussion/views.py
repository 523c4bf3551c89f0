"""Questions of a lecture: the page with all of them, what people ask and vote, and the queue of the staff."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import DomainError, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _p
from lms.core.time import clock
from lms.discussion import actions, polls
from lms.discussion.models import PollState, QuestionState
from lms.discussion.panel import panel_values, question_json, queue_values, throttle_questions, throttle_votes
from lms.discussion.polls import PollView, countries_of, list_polls
from lms.discussion.queries import PAGE, Access, QuestionView, get_access, get_question, list_questions
from lms.people.queries.countries import country_names
from lms.web.api.api import rfc3339
from lms.web.lists.parts import table_file
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.views import is_local

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
bp = Blueprint("discussion", __name__, template_folder="templates")


def _wants_json() -> bool:
    return request.headers.get("Accept") == "application/json"


def _back(lecture_id: int) -> ResponseReturnValue:
    following = request.form.get("next")
    if following is not None and is_local(following):
        return redirect(following, 303)
    return redirect(url_for(".questions", lecture_id=lecture_id), 303)


def _answer(lecture_id: int, work: Callable[[], dict[str, Any]]) -> ResponseReturnValue:
    """Does what a form asks for: answers the script in JSON, and leads everybody else back to their page."""
    if _wants_json():
        try:
            return jsonify(work())
        except Invalid as error:
            return jsonify(detail=error.message, field=error.faults[0].field), error.status
        except DomainError as error:
            return jsonify(detail=error.message), error.status
    try:
        work()
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        flash(error.message, "wrong")
    return _back(lecture_id)


def _page(lecture_id: int, status: int = 200, **more: Any) -> ResponseReturnValue:
    at, by = clock.now(), current_actor()
    start = request.args.get("from", 0, type=int)
    listed = list_questions(
        lecture_id,
        states=(QuestionState.OPEN, QuestionState.ANSWERED, QuestionState.WAITING),
        start=start if 0 <= start < 10_000 else 0,
        by=by,
        at=at,
    )
    values = panel_values(lecture_id, at=at)
    page = render_template(
        "discussion/questions.html",
        lecture=values["access"].lecture,
        listed=listed,
        start=start,
        page_size=PAGE,
        **values,
        **more,
    )
    return page, status


@bp.get("/lectures/<int:lecture_id>/questions")
@allow(SIGNED_IN)
def questions(lecture_id: int) -> ResponseReturnValue:
    """Shows all questions of a lecture, to enrolled people and its staff."""
    return _page(lecture_id)


@bp.post("/lectures/<int:lecture_id>/questions")
@allow(SIGNED_IN)
@throttle_questions
def ask(lecture_id: int) -> ResponseReturnValue:
    """Asks a question: `text`, and `anonymous` where the others are not to see the name."""
    by, at = current_actor(), clock.now()

    def work() -> dict[str, Any]:
        assert by.person_id is not None
        question_id = actions.ask_question(
            lecture_id,
            request.form.get("text"),
            is_anonymous="anonymous" in request.form,
            person_id=by.person_id,
            by=by,
            at=at,
        )
        view = get_question(lecture_id, question_id, by=by, at=at)
        words = _("Your question was sent. It is shown to all once a moderator has read it.")
        is_waiting = view.question.state is QuestionState.WAITING
        return question_json(view) | {"detail": words if is_waiting else _("Your question was sent.")}

    if _wants_json():
        return _answer(lecture_id, work)
    try:
        flash(work()["detail"], "done")
    except Invalid as error:
        return _page(lecture_id, 422, typed=request.form.get("text", ""), wrong=error.message)
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        flash(error.message, "wrong")
    return _back(lecture_id)


@bp.post("/lectures/<int:lecture_id>/questions/<int:question_id>/vote")
@allow(SIGNED_IN)
@throttle_votes
def vote(lecture_id: int, question_id: int) -> ResponseReturnValue:
    """Votes for a question of somebody else. A second vote changes nothing."""
    by, at = current_actor(), clock.now()

    def work() -> dict[str, Any]:
        assert by.person_id is not None
        actions.vote_for(lecture_id, question_id, person_id=by.person_id, by=by, at=at)
        return {"voted": True}

    return _answer(lecture_id, work)


@bp.post("/lectures/<int:lecture_id>/hand")
@allow(SIGNED_IN)
@throttle_votes
def hand(lecture_id: int) -> ResponseReturnValue:
    """Raises one's own hand, or lowers it (`raised=no`)."""
    by, at = current_actor(), clock.now()

    def work() -> dict[str, Any]:
        assert by.person_id is not None
        if request.form.get("raised") == "no":
            actions.lower_hand(lecture_id, person_id=by.person_id, by=by, at=at)
            return {"hand": None}
        return {"hand": actions.raise_hand(lecture_id, person_id=by.person_id, by=by, at=at)}

    return _answer(lecture_id, work)


@bp.get("/lectures/<int:lecture_id>/questions/queue")
@allow(*STAFF)
def queue(lecture_id: int) -> ResponseReturnValue:
    """The queue of the staff, which their page asks for every few seconds."""
    values = queue_values(lecture_id, at=clock.now())
    following = request.args.get("next", "")
    page = render_template(
        "discussion/_queue.html",
        lecture=values["queue"].lecture,
        next=following if is_local(following) else None,
        **values,
    )
    return page, 200, {"Cache-Control": "private, no-store"}


@bp.post("/lectures/<int:lecture_id>/questions/<int:question_id>")
@allow(*STAFF)
def moderate(lecture_id: int, question_id: int) -> ResponseReturnValue:
    """Changes a question for staff: `do` is take, done, answer (in writing), show, hide (with a `reason`) or merge
    (`into` another)."""
    by, at = current_actor(), clock.now()
    step = request.form.get("do")
    states = {"done": QuestionState.ANSWERED, "show": QuestionState.OPEN, "hide": QuestionState.HIDDEN}

    def work() -> dict[str, Any]:
        if step == "take":
            actions.take_question(lecture_id, question_id, by=by, at=at)
        elif step == "merge":
            into = request.form.get("into", 0, type=int)
            actions.merge_questions(lecture_id, question_id, into, by=by, at=at)
        elif step == "answer":
            answer = request.form.get("answer", "")
            actions.change_question(lecture_id, question_id, answer=answer, by=by, at=at)
        elif step in states:
            reason = request.form.get("reason")
            actions.change_question(lecture_id, question_id, state=states[step], reason=reason, by=by, at=at)
        else:
            raise Invalid("do", _("Choose an option from the list."))
        return {"done": True}

    return _answer(lecture_id, work)


@bp.post("/lectures/<int:lecture_id>/hands/<hand_id>/lower")
@allow(*STAFF)
def lower(lecture_id: int, hand_id: str) -> ResponseReturnValue:
    """Lowers somebody's hand."""

    def work() -> dict[str, Any]:
        actions.lower_hand_of(lecture_id, hand_id, by=current_actor(), at=clock.now())
        return {"done": True}

    return _answer(lecture_id, work)


@bp.post("/lectures/<int:lecture_id>/questions/settings")
@allow(*STAFF)
def settings(lecture_id: int) -> ResponseReturnValue:
    """Decides how questions are taken in a lecture."""

    def work() -> dict[str, Any]:
        actions.change_settings(
            lecture_id,
            takes_questions="takes_questions" in request.form,
            allows_anonymous="allows_anonymous" in request.form,
            is_reviewed="is_reviewed" in request.form,
            by=current_actor(),
            at=clock.now(),
        )
        return {"done": True}

    return _answer(lecture_id, work)


@bp.post("/lectures/<int:lecture_id>/polls")
@allow(*STAFF)
def make_poll(lecture_id: int) -> ResponseReturnValue:
    """Makes a poll with the `options` in lines, and opens it at once where `do` is open."""
    by, at = current_actor(), clock.now()

    def work() -> dict[str, Any]:
        options = request.form.get("options", "").splitlines()
        is_several = "several" in request.form
        poll_id = polls.make_poll(lecture_id, request.form.get("text"), options, is_several=is_several, by=by, at=at)
        if request.form.get("do") == "open":
            polls.change_poll(lecture_id, poll_id, "open", by=by, at=at)
        return {"done": True}

    if _wants_json():
        return _answer(lecture_id, work)
    try:
        work()
    except Invalid as error:
        return _page(lecture_id, 422, poll_typed=request.form, poll_fault=error.faults[0])
    except Refused as error:
        flash(error.message, "wrong")
    return _back(lecture_id)


@bp.get("/lectures/<int:lecture_id>/polls/part")
@allow(SIGNED_IN)
def polls_part(lecture_id: int) -> ResponseReturnValue:
    """The polls as the caller sees them, which a page asks for when the snapshot says that one was opened or closed."""
    access = get_access(lecture_id, by=current_actor(), at=clock.now())
    page = render_template("discussion/_polls.html", access=access, lecture=access.lecture, polls=list_polls(access))
    return page, 200, {"Cache-Control": "private, no-store"}


@bp.post("/lectures/<int:lecture_id>/polls/<int:poll_id>")
@allow(*STAFF)
def change_poll(lecture_id: int, poll_id: int) -> ResponseReturnValue:
    """Opens, closes, shows or removes a poll (`do`)."""

    def work() -> dict[str, Any]:
        step = request.form.get("do", "")
        polls.change_poll(lecture_id, poll_id, step, by=current_actor(), at=clock.now())
        return {"done": True}

    return _answer(lecture_id, work)


@bp.post("/lectures/<int:lecture_id>/polls/<int:poll_id>/vote")
@allow(SIGNED_IN)
@throttle_votes
def answer_poll(lecture_id: int, poll_id: int) -> ResponseReturnValue:
    """Answers an open poll with one `option` or several, counted from 0, in place of an earlier answer."""
    by, at = current_actor(), clock.now()

    def work() -> dict[str, Any]:
        assert by.person_id is not None
        options = request.form.getlist("option", type=int)
        polls.answer_poll(lecture_id, poll_id, options, person_id=by.person_id, by=by, at=at)
        return {"detail": _("Your answer was counted.")}

    return _answer(lecture_id, work)


def _access_of_staff(lecture_id: int, kind: str) -> Access:
    """Raises NotFound for other kinds of files, and Forbidden for all but the lecture's staff."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    access = get_access(lecture_id, by=current_actor(), at=clock.now())
    check_can_edit_lecture(access.lecture, current_actor())
    return access


@bp.get("/lectures/<int:lecture_id>/questions.<kind>")
@allow(*STAFF)
def export(lecture_id: int, kind: str) -> ResponseReturnValue:
    """All questions of a lecture as a file, for its staff. Files are passed on: names that others do not see are left
    out."""
    at, by = clock.now(), current_actor()
    _access_of_staff(lecture_id, kind)
    words = state_words()
    rows: list[tuple[object, ...]] = []
    start: int | None = 0
    while start is not None:
        page = list_questions(lecture_id, start=start, limit=1000, by=by, at=at)
        rows += [_row(view, words) for view in page.items]
        start = page.following
    headings = [
        _("Question"),
        _("Asked by"),
        _("Asked at (UTC)"),
        _("Votes"),
        _("State"),
        _("Answered at (UTC)"),
        _("Second of the recording"),
        _("Answer"),
        _("Reason"),
    ]
    return table_file(
        kind, f"questions-{lecture_id}", _("Questions"), headings, rows, widths=[60, 30, 20, 8, 12, 20, 12, 60]
    )


def _row(view: QuestionView, words: dict[QuestionState, str]) -> tuple[object, ...]:
    question = view.question
    return (
        question.text,
        _("Anonymous") if question.is_anonymous else view.name,
        rfc3339(question.asked_at),
        view.votes,
        words[question.state],
        rfc3339(question.answered_at) or "",
        "" if view.at_seconds is None else view.at_seconds,
        question.answer,
        question.reason,
    )


@bp.get("/lectures/<int:lecture_id>/polls.<kind>")
@allow(*STAFF)
def export_polls(lecture_id: int, kind: str) -> ResponseReturnValue:
    """The results of all polls that were opened as a file, for the staff of the lecture: a row for each option, of all
    and by country. Countries are those of closed polls in which nobody can be found."""
    views = [view for view in list_polls(_access_of_staff(lecture_id, kind)) if view.poll.state is not PollState.DRAFT]
    names = country_names(reader_locale())
    rows = [row for view in views for row in _poll_rows(view, names)]
    headings = [
        _("Poll"),
        _("Opened at (UTC)"),
        _("Closed at (UTC)"),
        _("Option"),
        _("Country or area"),
        _("Code"),
        _("Chosen"),
        _("Answers"),
    ]
    return table_file(kind, f"polls-{lecture_id}", _("Polls"), headings, rows, widths=[60, 20, 20, 40, 30, 8, 10, 10])


def _poll_rows(view: PollView, names: Mapping[str, str]) -> Iterator[tuple[object, ...]]:
    poll = view.poll
    assert view.votes is not None
    groups = [(_p("totals", "All"), "", view.votes, view.answers)]
    groups += [(names[row.code], row.code, row.votes, row.answers) for row in countries_of(poll)]
    for name, code, votes, answers in groups:
        for option, chosen in zip(poll.options, votes, strict=True):
            times = rfc3339(poll.opened_at), rfc3339(poll.closed_at) or ""
            yield poll.text, *times, option, name, code, chosen, answers


def state_words() -> dict[QuestionState, str]:
    """The states of questions in the reader's language."""
    return {
        QuestionState.WAITING: _("To be shown"),
        QuestionState.OPEN: _("Open"),
        QuestionState.ANSWERED: _("Answered"),
        QuestionState.HIDDEN: _("Hidden"),
    }
