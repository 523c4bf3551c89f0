"""An attempt: its questions one by one or on one page, and what came of it.

Without JavaScript, each button saves the answers of its page. With it (`check.js`) they are saved as they are given,
kept in the browser while there is no connection, and sent again.
"""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.checks import questions, rules
from lms.checks.actions import attempts as actions
from lms.checks.forms import answers_in
from lms.checks.models import AttemptState
from lms.checks.queries import attempts as queries
from lms.checks.queries.attempts import Sitting
from lms.checks.views.bank import bp
from lms.core.base.errors import Invalid
from lms.core.time import clock
from lms.web.forms.forms import whole
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


@bp.get("/check-attempts/<attempt_id>")
@allow(SIGNED_IN)
def attempt(attempt_id: str) -> ResponseReturnValue:
    """One question of an attempt (`question`, from 1), all of them (`all`), or what is left (`end`); once it was handed
    in, its result. One whose time is over is handed in by the button of its page, or within a minute by the worker."""
    sitting = queries.get_sitting(attempt_id, by=current_actor())
    if rules.is_over(sitting.attempt, sitting.check, clock.now()):
        if sitting.attempt.state is AttemptState.OPEN:
            return render_template("checks/over.html", sitting=sitting)
        return _result(sitting)
    return _page(sitting)


def _page(sitting: Sitting, error: str | None = None) -> ResponseReturnValue:
    count = len(sitting.questions)
    place = min(max(request.values.get("question", 1, type=whole), 1), count)
    if "end" in request.args:
        return render_template("checks/end.html", sitting=sitting, is_complete=questions.is_complete)
    is_all = "all" in request.args
    page = render_template(
        "checks/attempt.html",
        sitting=sitting,
        place=place,
        shown=sitting.questions if is_all else [sitting.questions[place - 1]],
        is_all=is_all,
        error=error,
    )
    return page, 422 if error else 200


@bp.post("/check-attempts/<attempt_id>")
@allow(SIGNED_IN)
def save_attempt(attempt_id: str) -> ResponseReturnValue:
    """Saves the answers of a page, and goes on to `go`: the number of a question, `end`, or nothing (`stay`)."""
    by, go = current_actor(), request.form.get("go", "end")
    sitting = queries.get_sitting(attempt_id, by=by)
    answers = answers_in(request.form, sitting.questions)
    try:
        is_saved = actions.save_answers(attempt_id, answers, by=by, at=clock.now())
    except Invalid as error:
        return _page(queries.get_sitting(attempt_id, by=by), error.message)
    if go == "stay":
        return "", 204 if is_saved else 409
    if not is_saved:
        return redirect(url_for(".attempt", attempt_id=attempt_id), 303)
    if go.isdecimal():
        return redirect(url_for(".attempt", attempt_id=attempt_id, question=go), 303)
    return redirect(url_for(".attempt", attempt_id=attempt_id, end=1), 303)


@bp.post("/check-attempts/<attempt_id>/submit")
@allow(SIGNED_IN)
def submit_attempt(attempt_id: str) -> ResponseReturnValue:
    """Hands in an attempt."""
    actions.submit_attempt(attempt_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".attempt", attempt_id=attempt_id), 303)


def _result(sitting: Sitting) -> str:
    by, at = current_actor(), clock.now()
    (taken,) = queries.own_checks([sitting.check], sitting.attempt.person_id, at=at)
    marks = sitting.attempt.marks
    rows = [
        {
            "question": one,
            "right": marks.get(str(one.id), False),
            "answer": questions.words_of(one, sitting.answer(one)),
            "solution": questions.right_words(one.kind, one.definition),
        }
        for one in sitting.questions
    ]
    return render_template(
        "checks/result.html",
        sitting=sitting,
        own=taken,
        rows=rows,
        shows_answers=rules.shows_answers(sitting.check, taken.attempts, at),
        is_own=by.person_id is not None,
    )
