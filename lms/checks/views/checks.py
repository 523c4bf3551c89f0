"""Pages of knowledge checks of a series: attempts, and results.

Without JavaScript, each button of an attempt saves the answers of its page. With it (`check.js`) they are saved as they
are given, kept in the browser while there is no connection, and sent again. A page knows the answers that it was loaded
with (`had-7`): it saves what was changed in it, and asks where another tab has saved something else meanwhile.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.series import get_series
from lms.checks import rules, shown_questions
from lms.checks.actions import attempts as attempt_actions
from lms.checks.actions import checks as check_actions
from lms.checks.forms import (
    CheckForm,
    CheckTextsForm,
    ExtraTimeForm,
    answers_in,
    check_kind_words,
    known_in,
)
from lms.checks.lists import CheckResults
from lms.checks.models import AttemptState, Check
from lms.checks.queries import checks as queries
from lms.checks.queries.checks import Sitting
from lms.checks.queries.results import count_results, count_who_saw_answers
from lms.checks.views.bank import STAFF, bp, other_language
from lms.core.base.errors import NotFound
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.forms.forms import whole
from lms.web.forms.languages import language_choices
from lms.web.lists.routes import list_files, list_page
from lms.web.pages.time import viewer_zone
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

READERS = (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.REPORTER)
RESULTS = "/series/<slug>/checks/<int:check_id>/results"


@bp.get("/series/<slug>/checks")
@allow(SIGNED_IN)
def checks(slug: str) -> ResponseReturnValue:
    """The knowledge checks of a series: for its staff with what came of them, for the people enrolled with how far they
    are."""
    return _checks(slug, ExtraTimeForm(formdata=None))


def _checks(slug: str, form: ExtraTimeForm) -> str:
    by, at = current_actor(), clock.now()
    series, checks = queries.list_own(slug, by=by, at=at)
    may_see = rules.may_see_results(series, by)
    if not (may_see or queries.is_enrolled(series.id, by)):
        raise NotFound
    return render_template(
        "checks/checks.html",
        series=series,
        own=checks,
        is_staff=queries.may_edit(series, by),
        may_see_results=may_see,
        counts=count_results(series, by=by) if may_see else {},
        kinds=check_kind_words(),
        lectures={lecture.id: lecture for lecture in list_lectures(series.id, by=by)},
        form=form,
    )


@bp.get("/series/<slug>/checks/<int:check_id>")
@allow(SIGNED_IN)
def check(slug: str, check_id: int) -> ResponseReturnValue:
    """A knowledge check: what it asks, one's attempts, and how to begin."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    row = queries.get_check(series, check_id, by=by)
    return render_template(
        "checks/check.html",
        series=series,
        own=queries.own_checks([row], by.person_id, at=at)[0],
        is_enrolled=queries.is_enrolled(series.id, by),
        is_staff=queries.may_edit(series, by),
        lecture=_lecture_of(row, series.id),
    )


def _lecture_of(row: Check, series_id: int) -> Lecture | None:
    lectures = list_lectures(series_id, by=current_actor()) if row.lecture_id else ()
    return next((lecture for lecture in lectures if lecture.id == row.lecture_id), None)


@bp.route("/series/<slug>/checks/new", methods=["GET", "POST"])
@allow(*STAFF)
def new_check(slug: str) -> ResponseReturnValue:
    """Makes a check, which stays a draft until it is published."""
    return _edit_check(slug, None)


@bp.route("/series/<slug>/checks/<int:check_id>/edit", methods=["GET", "POST"])
@allow(*STAFF)
def edit_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Changes a check. People who have begun it finish the version that they began."""
    by = current_actor()
    series = queries.get_series_to_edit(slug, by=by)
    row = queries.get_check(series, check_id, by=by)
    if language := other_language(series):
        return _translate_check(series, row, language)
    return _edit_check(slug, row)


def _translate_check(series: Series, row: Check, language: str) -> ResponseReturnValue:
    by, status, slug, check_id = current_actor(), 200, series.slug, row.id
    form = CheckTextsForm(data=(row.translations or {}).get(language, {}))
    if request.method == "POST":

        def work() -> None:
            check_actions.translate_check(slug, check_id, language, form.title.data or "", by=by, at=clock.now())

        refusal = form.attempt(work)
        if refusal is None:
            flash(_("Knowledge check saved."), "done")
            return redirect(url_for(".edit_check", slug=slug, check_id=check_id), 303)
        status = refusal
        series = queries.get_series_to_edit(slug, by=by)
        row = queries.get_check(series, check_id, by=by)
    return render_template("checks/check_texts.html", series=series, check=row, form=form, language=language), status


def _edit_check(slug: str, row: Check | None) -> ResponseReturnValue:
    by, status = current_actor(), 200
    series = queries.get_series_to_edit(slug, by=by)
    row_id = row.id if row else None
    form = CheckForm(row, list_lectures(series.id, by=by), queries.list_questions(series, by=by), viewer_zone())
    if request.method == "POST":
        saved: list[int] = []
        refusal = form.attempt(
            lambda: saved.append(check_actions.save_check(slug, row_id, form.check(), by=by, at=clock.now()))
        )
        if refusal is None:
            flash(_("Knowledge check saved."), "done")
            return redirect(url_for(".check", slug=slug, check_id=saved[0]), 303)
        status = refusal
        series = queries.get_series_to_edit(slug, by=by)
        row = queries.get_check(series, row_id, by=by) if row_id else None
    page = render_template(
        "checks/edit.html",
        series=series,
        check=row,
        form=form,
        seen=count_who_saw_answers(series, row, by=by, at=clock.now()) if row else 0,
        zone=form.zone,
        languages=sorted(row.translations or {}) if row else [],
        further=language_choices(),
    )
    return page, status


@bp.post("/series/<slug>/checks/<int:check_id>/publish")
@allow(*STAFF)
def publish_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Lets the people enrolled take a check. Asks first where their certificate then requires it."""
    by = current_actor()
    series = queries.get_series_to_edit(slug, by=by)
    row = queries.get_check(series, check_id, by=by)
    people = queries.people_who_will_need(series, row)
    if people and row.items and "confirm" not in request.form:
        return render_template("checks/publish.html", series=series, check=row, people=people)
    check_actions.publish_check(slug, check_id, by=by, at=clock.now())
    return redirect(url_for(".check", slug=slug, check_id=check_id), 303)


@bp.post("/series/<slug>/checks/<int:check_id>/unpublish")
@allow(*STAFF)
def unpublish_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Makes a check a draft again, while nobody has begun it."""
    check_actions.unpublish_check(slug, check_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".check", slug=slug, check_id=check_id), 303)


@bp.post("/series/<slug>/checks/<int:check_id>/delete")
@allow(*STAFF)
def delete_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Deletes a draft."""
    check_actions.delete_check(slug, check_id, by=current_actor(), at=clock.now())
    flash(_("Draft deleted."), "done")
    return redirect(url_for(".checks", slug=slug), 303)


@bp.post("/series/<slug>/checks/extra-time")
@allow(*STAFF)
def extra_time(slug: str) -> ResponseReturnValue:
    """Gives a person more time in the timed checks of a series."""
    form = ExtraTimeForm()
    by = current_actor()
    queries.get_series_to_edit(slug, by=by)
    refusal = form.attempt(
        lambda: check_actions.set_extra_time(slug, form.email.data or "", form.percent.data, by=by, at=clock.now())
    )
    if refusal is not None:
        return _checks(slug, form), refusal
    flash(_("Extra time saved."), "done")
    return redirect(url_for(".checks", slug=slug), 303)


@bp.post("/series/<slug>/checks/<int:check_id>/attempts")
@allow(SIGNED_IN)
def begin_attempt(slug: str, check_id: int) -> ResponseReturnValue:
    """Begins an attempt, or goes on with the one that is open."""
    public_id, _is_new = attempt_actions.begin_attempt(slug, check_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".attempt", attempt_id=public_id), 303)


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


def _page(sitting: Sitting) -> str:
    if "end" in request.args:
        return render_template("checks/end.html", sitting=sitting, is_complete=shown_questions.is_complete)
    place = min(max(request.args.get("question", 1, type=whole), 1), len(sitting.questions))
    is_all = "all" in request.args
    return _questions(sitting, range(1, len(sitting.questions) + 1) if is_all else [place], is_all=is_all)


def _questions(
    sitting: Sitting,
    places: Sequence[int],
    *,
    is_all: bool,
    typed: Mapping[str, Any] | None = None,
    known: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> str:
    """A page with the questions at these places, counted from 1. What was typed stays where it is no answer."""
    versions = {key: shown_questions.version_of(answer) for key, answer in sitting.answers.items()}
    return render_template(
        "checks/attempt.html",
        sitting=sitting,
        place=places[0],
        shown=[sitting.questions[place - 1] for place in places],
        is_all=is_all,
        answers={**sitting.answers, **(typed or {})},
        versions={**versions, **(known or {})},
        faults=faults or {},
    )


@bp.post("/check-attempts/<attempt_id>")
@allow(SIGNED_IN)
def save_attempt(attempt_id: str) -> ResponseReturnValue:
    """Saves the answers of a page, and goes on to `go`: the number of a question, `end`, or nothing (`stay`, for the
    script, in JSON). Asks where another page has saved other answers since this one was loaded, or a text is none."""
    by, go = current_actor(), request.form.get("go", "end")
    sitting = queries.get_sitting(attempt_id, by=by)
    answers, known = answers_in(request.form, sitting.questions), known_in(request.form)
    saved = attempt_actions.save_page(attempt_id, answers, known, by=by, at=clock.now())
    if go == "stay":
        if saved is None:
            return "", 409
        return jsonify(saved=saved.versions, differing=list(saved.differing), faults=saved.faults)
    if saved is None:
        return redirect(url_for(".attempt", attempt_id=attempt_id), 303)
    if saved.faults or saved.differing:
        sitting = queries.get_sitting(attempt_id, by=by)
    if saved.faults:
        places = [place for place, one in enumerate(sitting.questions, 1) if str(one.id) in answers]
        known |= saved.versions
        is_all = len(places) > 1
        page = _questions(sitting, places, is_all=is_all, typed=answers, known=known, faults=saved.faults)
        return page, 422
    if saved.differing:
        return render_template(
            "checks/differing.html",
            sitting=sitting,
            rows=[
                {
                    "question": one,
                    "version": shown_questions.version_of(sitting.answer(one)),
                    "stored": shown_questions.words_of(one, sitting.answer(one)),
                    "mine": shown_questions.words_of(one, saved.differing[str(one.id)]),
                    "fields": [
                        (name, value)
                        for name, value in request.form.items(multi=True)
                        if name == f"q{one.id}" or name.startswith(f"q{one.id}-")
                    ],
                }
                for one in sitting.questions
                if str(one.id) in saved.differing
            ],
            go=go,
        ), 409
    if go.isdecimal():
        return redirect(url_for(".attempt", attempt_id=attempt_id, question=go), 303)
    return redirect(url_for(".attempt", attempt_id=attempt_id, end=1), 303)


@bp.post("/check-attempts/<attempt_id>/submit")
@allow(SIGNED_IN)
def submit_attempt(attempt_id: str) -> ResponseReturnValue:
    """Hands in an attempt."""
    attempt_actions.submit_attempt(attempt_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".attempt", attempt_id=attempt_id), 303)


def _result(sitting: Sitting) -> str:
    by, at = current_actor(), clock.now()
    (taken,) = queries.own_checks([sitting.check], sitting.attempt.person_id, at=at)
    marks = sitting.attempt.marks
    rows = [
        {
            "question": question,
            "right": marks.get(str(question.id), False),
            "answer": shown_questions.words_of(question, sitting.answer(question)),
            "solution": shown_questions.right_words(question.kind, question.texts),
        }
        for question in sitting.questions
    ]
    return render_template(
        "checks/result.html",
        sitting=sitting,
        own=taken,
        rows=rows,
        shows_answers=rules.shows_answers(sitting.check, taken.attempts, at),
        is_own=by.person_id is not None,
    )


list_page(bp, RESULTS, *READERS)(list_files(bp, RESULTS, *READERS)(CheckResults))
