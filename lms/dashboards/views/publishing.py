"""Publishing a series with its drafts: what will be public, next to the public version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.actions.publishing import publish_series, unpublish_lectures
from lms.catalogue.actions.scheduling import iso_codes
from lms.catalogue.dates import DateCheck, check_dates, planned_date_of
from lms.catalogue.fair_hours import Audience, Lasting
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import list_lectures, name_givers, stations_of
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import Station, check_can_edit_series, is_outside_days, is_planned_draft, not_cancelled
from lms.catalogue.series_hours import audience_of, nights_of
from lms.certificates.actions.requirements import Growth, find_growth
from lms.certificates.queries.progress import find_prospects
from lms.certificates.remaining import standing
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _n
from lms.core.time import clock
from lms.dashboards.route import stops
from lms.dashboards.views.blueprint import bp
from lms.enrolment.notices import INVITES_AHEAD
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

LAST = datetime.max.replace(tzinfo=UTC)
"""The place of lectures without a date."""


@dataclass(frozen=True)
class Readiness:
    """The state of drafts before they are published: those that are ready, and what speaks against each.

    `soon` of them begin so soon that people are invited at once. `night_by_country` has the most people of each
    country for whom one of them is at night, and `night` the most of one lecture.
    """

    audience: Audience
    ready: Sequence[Lecture] = ()
    checks: Mapping[int, DateCheck] = field(default_factory=dict)
    soon: int = 0
    night: int = 0
    night_by_country: Mapping[str | None, int] = field(default_factory=dict)

    @property
    def clashes(self) -> list[tuple[Lecture, DateCheck]]:
        """The lectures at the time of another one."""
        return [(lecture, self.checks[lecture.id]) for lecture in self.ready if self.checks[lecture.id].clashes]

    @property
    def holidays(self) -> list[tuple[Lecture, DateCheck]]:
        """The lectures on a public holiday."""
        return [(lecture, self.checks[lecture.id]) for lecture in self.ready if self.checks[lecture.id].holidays]

    @property
    def outside(self) -> list[Lecture]:
        """The lectures on a day before the first or after the last day of the series."""
        return [lecture for lecture in self.ready if is_outside_days(lecture)]

    @property
    def without_description(self) -> list[Lecture]:
        """The lectures that say nothing but their title."""
        return [lecture for lecture in self.ready if not lecture.abstract]


@bp.route("/series/<slug>/publish", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
def publish(slug: str) -> ResponseReturnValue:
    """Previews a series as the public will read it, then publishes it with the lectures chosen."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    check_can_edit_series(series, by)
    status, refusal = 200, None
    growth = find_growth(series.id, at=at) if series.enrolled else None
    if request.method == "POST":
        try:
            return _publish(series, growth, by=by, at=at)
        except (Invalid, Refused) as error:
            status, refusal = error.status, error.message
    lectures = stations_of([series.id], by=by)[series.id]
    name_givers(lectures)
    published = set(request.args.getlist("done", type=int))
    policy = current_policy(series.id)
    promise = standing(
        lectures,
        (),
        policy,
        sessions=sessions_among(lectures),
        prospects=find_prospects(lectures, [policy], at=at),
        zone=clock.reporting_zone(),
        at=at,
        is_in=False,
    )
    is_series_new = request.args.get("series") == "1" and series.visibility is Visibility.PUBLIC and not series.enrolled
    page = render_template(
        "dashboards/publish.html",
        series=series,
        readiness=_readiness(series, by=by, at=at),
        is_series_new=is_series_new,
        growth=growth,
        was_kept=request.args.get("kept") == "1",
        is_told=request.args.get("told") == "1",
        chosen=set(request.values.getlist("lecture", type=int)),
        lectures=not_cancelled(lectures),
        drafts=[lecture for lecture in lectures if lecture.state is LectureState.DRAFT],
        undo=[one for one in lectures if one.id in published and one.state is LectureState.SCHEDULED],
        stops=stops(_published(lectures, at), at=at),
        policy=policy,
        promise=replace(promise, unannounced=0) if promise is not None else None,
        refusal=refusal,
    )
    return page, status


def _publish(series: Series, growth: Growth | None, *, by: Actor, at: datetime) -> ResponseReturnValue:
    """Publishes the lectures chosen, and leads to the page that says so. Raises Invalid and Refused."""
    slug, was_draft = series.slug, series.visibility is Visibility.DRAFT
    min_lectures = _kept(growth) if _chosen() else None
    _series, made = publish_series(slug, _chosen(), min_lectures=min_lectures, by=by, at=at)
    words = _n("The series is public. %(num)s lecture was published.",
               "The series is public. %(num)s lectures were published.", len(made))  # fmt: skip
    flash(words if made else _("The series is public."), "done")
    soon = series.enrolled and any(_is_soon(lecture, at) for lecture in made)
    is_told = bool(made) and (soon or (growth is not None and min_lectures is None))
    marks = {"series": was_draft, "kept": min_lectures is not None, "told": is_told}
    query: dict[str, Any] = {
        "done": [lecture.id for lecture in made],
        **{name: 1 for name, is_so in marks.items() if is_so},
    }
    return redirect(url_for(".publish", slug=slug, **query), 303)


@bp.post("/series/<slug>/unpublish")
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
def unpublish(slug: str) -> ResponseReturnValue:
    """Makes the lectures chosen drafts again."""
    by = current_actor()
    check_can_edit_series(get_series(slug, by=by), by)
    try:
        with_series, with_share = request.form.get("series") == "1", request.form.get("kept") == "1"
        changed = unpublish_lectures(
            slug, _chosen(), with_series=with_series, with_share=with_share, by=by, at=clock.now()
        )
        count = len(changed)
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
    else:
        if with_series:
            words = _n("The series and %(num)s lecture are drafts again.",
                       "The series and %(num)s lectures are drafts again.", count)  # fmt: skip
            flash(words if count else _("The series is a draft again."), "done")
        else:
            flash(_n("%(num)s lecture is a draft again.", "%(num)s lectures are drafts again.", count), "done")
    return redirect(url_for(".publish", slug=slug), 303)


def _readiness(series: Series, *, by: Actor, at: datetime) -> Readiness:
    """Returns what speaks for and against publishing the drafts with a date to come."""
    audience = audience_of(series, by=by, at=at)
    ready = [lecture for lecture in list_lectures(series.id, by=by) if is_planned_draft(lecture, at)]
    dates = [planned_date_of(lecture, 0) for lecture in ready]
    checks = check_dates(
        series,
        dates,
        countries=iso_codes(series),
        locale=reader_locale(),
        by=by,
        but=[lecture.id for lecture in ready],
    )
    spans = [Lasting(one.starts_at, one.ends_at) if one.starts_at and one.ends_at else None for one in checks]
    burdens = [night.burden for night in nights_of(audience, spans) if night is not None]
    by_country: dict[str | None, int] = {}
    for burden in burdens:
        for code, people in burden.night_by_country.items():
            by_country[code] = max(people, by_country.get(code, 0))
    return Readiness(
        audience,
        ready,
        {lecture.id: check for lecture, check in zip(ready, checks, strict=True)},
        soon=sum(_is_soon(lecture, at) for lecture in ready),
        night=max((burden.night for burden in burdens), default=0),
        night_by_country=by_country,
    )


def _published(lectures: Sequence[Station], at: datetime) -> list[Station]:
    """The lectures that the public sees once all drafts with a date to come are published."""
    public = [lecture for lecture in lectures if lecture.state is not LectureState.DRAFT and not lecture.held_unknown]
    drafts = [replace(lecture, state=LectureState.SCHEDULED) for lecture in lectures if is_planned_draft(lecture, at)]
    return sorted([*public, *drafts], key=lambda lecture: lecture.starts_at or LAST)


def _is_soon(lecture: Lecture, at: datetime) -> bool:
    """Whether people are invited to a lecture as soon as it is published."""
    return lecture.starts_at is not None and at < lecture.starts_at <= at + INVITES_AHEAD


def _kept(growth: Growth | None) -> int | None:
    """The number of lectures that the certificate is to require still, if publishing is not to raise it.

    Raises Refused where somebody has to choose first, and where the numbers are others than those shown.
    """
    if growth is None:
        return None
    choice, shown = request.form.get("requirement"), request.form.get("people", type=int)
    if choice not in ("keep", "raise") or shown != growth.people:
        raise Refused(_("Choose what the certificate requires from now on."))
    return growth.before if choice == "keep" else None


def _chosen() -> list[int]:
    """The lectures that are ticked."""
    return request.form.getlist("lecture", type=int)
