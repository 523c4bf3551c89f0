"""Publishing a series with its drafts: what will be public, next to the public version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.actions.publishing import publish_series, unpublish_lectures
from lms.catalogue.models import LectureState
from lms.catalogue.queries.lectures import name_givers, stations_of
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import Station, check_can_edit_series, is_planned_draft, not_cancelled
from lms.certificates.eligibility import standing
from lms.core import clock
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _, _n
from lms.core.roles import Role
from lms.dashboards.route import stops
from lms.dashboards.views.blueprint import bp
from lms.web.guards import allow
from lms.web.identity import current_actor

LAST = datetime.max.replace(tzinfo=UTC)
"""The place of lectures without a date."""


@bp.route("/series/<slug>/publish", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
def publish(slug: str) -> ResponseReturnValue:
    """Previews a series as the public will read it, then publishes it with the lectures chosen."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    check_can_edit_series(series, by)
    status, refusal = 200, None
    if request.method == "POST":
        try:
            _series, made = publish_series(slug, _chosen(), by=by, at=at)
        except (Invalid, Refused) as error:
            status, refusal = error.status, error.message
        else:
            count = len(made)
            words = _n("The series is public. %(num)s lecture was published.",
                       "The series is public. %(num)s lectures were published.", count)  # fmt: skip
            flash(words if count else _("The series is public."), "done")
            return redirect(url_for(".publish", slug=slug, done=[lecture.id for lecture in made]), 303)
    lectures = stations_of([series.id], by=by)[series.id]
    name_givers(lectures)
    published = set(request.args.getlist("done", type=int))
    policy = current_policy(series.id)
    promise = standing(
        lectures, (), policy, sessions=sessions_among(lectures), zone=clock.reporting_zone(), at=at, is_in=False
    )
    page = render_template(
        "dashboards/publish.html",
        series=series,
        lectures=not_cancelled(lectures),
        drafts=[lecture for lecture in lectures if lecture.state is LectureState.DRAFT],
        undo=[one for one in lectures if one.id in published and one.state is LectureState.SCHEDULED],
        stops=stops(_published(lectures, at), at=at),
        policy=policy,
        promise=replace(promise, unannounced=0) if promise is not None else None,
        refusal=refusal,
    )
    return page, status


@bp.post("/series/<slug>/unpublish")
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
def unpublish(slug: str) -> ResponseReturnValue:
    """Makes the lectures chosen drafts again."""
    by = current_actor()
    check_can_edit_series(get_series(slug, by=by), by)
    try:
        count = len(unpublish_lectures(slug, _chosen(), by=by, at=clock.now()))
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
    else:
        flash(_n("%(num)s lecture is a draft again.", "%(num)s lectures are drafts again.", count), "done")
    return redirect(url_for(".publish", slug=slug), 303)


def _published(lectures: Sequence[Station], at: datetime) -> list[Station]:
    """The lectures that the public sees once all drafts with a date to come are published."""
    public = [lecture for lecture in lectures if lecture.state is not LectureState.DRAFT and not lecture.held_unknown]
    drafts = [replace(lecture, state=LectureState.SCHEDULED) for lecture in lectures if is_planned_draft(lecture, at)]
    return sorted([*public, *drafts], key=lambda lecture: lecture.starts_at or LAST)


def _chosen() -> list[int]:
    """The lectures that are ticked."""
    return request.form.getlist("lecture", type=int)
