"""The checks of a series: for its staff to make them, and for the people enrolled to take them."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.series import get_series
from lms.checks import rules
from lms.checks.actions import attempts as taking
from lms.checks.actions import checks as actions
from lms.checks.forms import CheckForm, ExtraTimeForm, check_kind_words
from lms.checks.models import Check
from lms.checks.queries import attempts as queries
from lms.checks.queries import bank
from lms.checks.queries.results import count_results
from lms.checks.views.bank import STAFF, bp
from lms.core.base.errors import NotFound
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.pages.time import viewer_zone
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


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
    return _edit(slug, None)


@bp.route("/series/<slug>/checks/<int:check_id>/edit", methods=["GET", "POST"])
@allow(*STAFF)
def edit_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Changes a check. People who have begun it finish the version that they began."""
    by = current_actor()
    return _edit(slug, queries.get_check(bank.get_series_to_edit(slug, by=by), check_id, by=by))


def _edit(slug: str, row: Check | None) -> ResponseReturnValue:
    by, status = current_actor(), 200
    series = bank.get_series_to_edit(slug, by=by)
    row_id = row.id if row else None
    form = CheckForm(row, list_lectures(series.id, by=by), bank.list_questions(series, by=by), viewer_zone())
    if request.method == "POST":
        saved: list[int] = []
        refusal = form.attempt(
            lambda: saved.append(actions.save_check(slug, row_id, form.check(), by=by, at=clock.now()))
        )
        if refusal is None:
            flash(_("Knowledge check saved."), "done")
            return redirect(url_for(".check", slug=slug, check_id=saved[0]), 303)
        status = refusal
        series = bank.get_series_to_edit(slug, by=by)
        row = queries.get_check(series, row_id, by=by) if row_id else None
    page = render_template("checks/edit.html", series=series, check=row, form=form, zone=form.zone)
    return page, status


@bp.post("/series/<slug>/checks/<int:check_id>/publish")
@allow(*STAFF)
def publish_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Lets the people enrolled take a check."""
    actions.publish_check(slug, check_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".check", slug=slug, check_id=check_id), 303)


@bp.post("/series/<slug>/checks/<int:check_id>/unpublish")
@allow(*STAFF)
def unpublish_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Makes a check a draft again, while nobody has begun it."""
    actions.unpublish_check(slug, check_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".check", slug=slug, check_id=check_id), 303)


@bp.post("/series/<slug>/checks/<int:check_id>/delete")
@allow(*STAFF)
def delete_check(slug: str, check_id: int) -> ResponseReturnValue:
    """Deletes a draft."""
    actions.delete_check(slug, check_id, by=current_actor(), at=clock.now())
    flash(_("Draft deleted."), "done")
    return redirect(url_for(".checks", slug=slug), 303)


@bp.post("/series/<slug>/checks/extra-time")
@allow(*STAFF)
def extra_time(slug: str) -> ResponseReturnValue:
    """Gives a person more time in the timed checks of a series."""
    form = ExtraTimeForm()
    by = current_actor()
    bank.get_series_to_edit(slug, by=by)
    refusal = form.attempt(
        lambda: actions.set_extra_time(slug, form.email.data or "", form.percent.data, by=by, at=clock.now())
    )
    if refusal is not None:
        return _checks(slug, form), refusal
    flash(_("Extra time saved."), "done")
    return redirect(url_for(".checks", slug=slug), 303)


@bp.post("/series/<slug>/checks/<int:check_id>/attempts")
@allow(SIGNED_IN)
def begin_attempt(slug: str, check_id: int) -> ResponseReturnValue:
    """Begins an attempt, or goes on with the one that is open."""
    public_id, _is_new = taking.begin_attempt(slug, check_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".attempt", attempt_id=public_id), 303)
