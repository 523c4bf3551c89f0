"""Pages of series: the list, a new one, a changed one."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.series import create_series, edit_series
from lms.catalogue.forms.series import SeriesForm
from lms.catalogue.models import Admission, LectureState, Policy
from lms.catalogue.queries import policies as policy_queries
from lms.catalogue.queries import series as series_queries
from lms.catalogue.queries import teaching as teaching_queries
from lms.catalogue.rules import (
    OPEN_STATES,
    check_can_edit_series,
    may_create_series,
    may_see_series,
    next_lecture,
    people_asked_more,
    stop_states,
)
from lms.catalogue.views.languages import bp
from lms.core.base.errors import Invalid, Refused
from lms.core.base.events import EarnedAsked, publish
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.forms.languages import language_choices
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor

PAGE = 20
_ELSEWHERE = frozenset({"text_language", "translations"})
"""What of a series has a page of its own."""


def _series_filters() -> tuple[series_queries.SeriesFilter, dict[str, str], int]:
    """The filters of the address; what cannot be is left out."""
    args = request.args
    parameters = {name: args.get(name, "").strip()[:200] for name in ("q", "language", "admission", "state")}
    if parameters["admission"] not in set(Admission):
        parameters["admission"] = ""
    if parameters["state"] not in {"open", "finished"}:
        parameters["state"] = ""
    page = args.get("page", "1")
    number = int(page) if page.isdecimal() and len(page) < 6 and int(page) > 0 else 1
    filters = series_queries.SeriesFilter(
        q=parameters["q"],
        language=parameters["language"] or None,
        admission=Admission(parameters["admission"]) if parameters["admission"] else None,
        open={"open": True, "finished": False}.get(parameters["state"]),
        limit=PAGE,
    )
    return filters, parameters, number


def _row(card: series_queries.Card, policy: Policy, at: datetime) -> dict[str, Any]:
    """Returns what the list shows of a series."""
    stops = stop_states(card.lectures, at)
    waiting = any(lecture.state is LectureState.DRAFT or lecture.held_unknown for lecture in card.lectures)
    dates = [when for lecture in card.lectures if (when := lecture.actual_start or lecture.starts_at) is not None]
    return {
        "series": card.series,
        "policy": policy,
        "stops": [{"state": stops[lecture.id]} for lecture in card.lectures],
        "count": card.count,
        "live": next((lecture for lecture in card.lectures if lecture.state is LectureState.LIVE), None),
        "next": next_lecture(card.lectures),
        "open": any(lecture.state in OPEN_STATES and not lecture.held_unknown for lecture in card.lectures),
        "waiting": waiting,
        "first": min(dates, default=None),
        "last": max(dates, default=None),
        "languages": list(dict.fromkeys(code for lecture in card.lectures for code in lecture.interpretation)),
    }


@bp.get("/series")
@allow(ANYONE, indexed=True)
@same_for_strangers
def series_list() -> ResponseReturnValue:
    """Lists series, with search and filters, upcoming ones first."""
    actor, at = current_actor(), clock.now()
    filters, parameters, number = _series_filters()
    cards, total = series_queries.list_cards(filters, by=actor, offset=(number - 1) * PAGE)
    given = {name: value for name, value in parameters.items() if value}

    def page_url(page: int) -> str:
        values: dict[str, Any] = {**given, "page": page} if page > 1 else dict(given)
        return url_for("catalogue.series_list", **values)

    if not cards and number > 1:
        return redirect(page_url(1))
    policies = policy_queries.current_policies([card.series.id for card in cards])
    rows = [_row(card, policies[card.series.id], at) for card in cards]
    return render_template(
        "catalogue/series_list.html",
        coming=[row for row in rows if row["open"]],
        preparing=[row for row in rows if not row["open"] and (row["waiting"] or not row["count"])],
        finished=[row for row in rows if not row["open"] and row["count"] and not row["waiting"]],
        total=total,
        said=parameters,
        filtered=bool(given),
        languages_heard=language_choices(parameters["language"] or None, series_queries.list_languages(by=actor)),
        may_create=may_create_series(actor),
        page=number,
        pages=max(1, -(-total // PAGE)),
        next_url=page_url(number + 1) if number * PAGE < total else None,
        prev_url=page_url(number - 1) if number > 1 else None,
    )


@bp.route("/series/new", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
def series_new() -> ResponseReturnValue:
    """Creates a series. Its lectures are added next."""
    form, status = SeriesForm(), 200
    sent = form.is_submitted() and not form.change_list(request.form)
    if sent:
        form.propose_slug(series_queries.free_slug)
    if sent and form.validate():
        try:
            made = create_series(form.draft(), by=current_actor(), at=clock.now())
        except Invalid as error:
            form.take(error)
            status = 422
        except Refused as error:
            form.slug.errors = [error.message]
            status = 409
        else:
            flash(_("The series was created. Now add its lectures."), "done")
            return redirect(url_for("catalogue.lecture_new", slug=made.slug))
    elif sent:
        status = 422
    return render_template("catalogue/series_form.html", form=form, series=None), status


@bp.route("/series/<slug>/edit", methods=["GET", "POST"])
@allow(SIGNED_IN)
def series_edit(slug: str) -> ResponseReturnValue:
    """Edits a series and its policy."""
    actor = current_actor()
    form, status = _form_of(slug, actor), 200
    sent = form.is_submitted() and not form.change_list(request.form)
    is_valid = sent and form.validate()
    concerned, waiting, confirms = _concerned(slug, form, actor) if is_valid else (0, 0, "")
    if is_valid and (not concerned or request.form.get("confirm") == confirms):
        concerned = 0
        try:
            draft = form.draft()
            changes = {one.name: getattr(draft, one.name) for one in fields(draft) if one.name not in _ELSEWHERE}
            changes["policy"] = form.policy.form.typed()
            saved = edit_series(slug, changes, by=actor, at=clock.now())
        except Invalid as error:
            form.take(error)
            status = 422
        except Refused as error:
            form.form_errors.append(error.message)
            status = 409
        else:
            flash(_("Saved."), "done")
            if not may_see_series(saved, actor):  # a draft, given away
                return redirect(url_for("dashboards.teach"))
            return redirect(url_for("dashboards.series", slug=saved.slug))
    elif sent and not is_valid:
        status = 422
    series = series_queries.get_series(slug, by=actor)
    return render_template(
        "catalogue/series_form.html",
        form=form,
        series=series,
        concerned=concerned,
        waiting=waiting,
        confirms=confirms,
    ), status


def _concerned(slug: str, form: SeriesForm, actor: Actor) -> tuple[int, int, str]:
    """How many of the enrolled are told that the certificate asks for more besides attendance once this is saved, how
    many have earned it and do not have it yet, and what it then asks for, which the next request confirms."""
    series = series_queries.get_series(slug, by=actor)
    number = people_asked_more(series, policy_queries.current_policy(series.id), form.policy.form.typed())
    question = EarnedAsked(series_id=series.id, by=actor, at=clock.now())
    if number:
        publish(question)
    policy = form.policy.form
    return number, sum(question.waiting), f"{policy.min_feedback.data or 0} {policy.checks_passed.data}"


def _form_of(slug: str, actor: Actor) -> SeriesForm:
    series = series_queries.get_series(slug, by=actor)
    check_can_edit_series(series, actor)
    addresses = teaching_queries.instructor_addresses([series], by=actor)[series.id] or []
    return SeriesForm.of(series, policy_queries.current_policy(series.id), addresses)
