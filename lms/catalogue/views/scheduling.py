"""Pages that plan many lectures at once: a series copied to other dates, and all lectures to come moved."""

from collections.abc import Sequence
from datetime import date

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.scheduling import (
    check_days,
    copied_lectures,
    copy_series,
    count_copied_parts,
    iso_codes,
    key_of,
    movable_lectures,
    move_lectures,
    swap_dates,
)
from lms.catalogue.dates import (
    DateCheck,
    check_dates,
    copied_dates,
    days_from,
    first_after,
    is_swappable,
    planned_date_of,
    today_in,
)
from lms.catalogue.fair_hours import Audience
from lms.catalogue.forms.series import CopyForm
from lms.catalogue.forms.times import MoveForm
from lms.catalogue.inputs import slug_of, title_in_year
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries import lectures as lecture_queries
from lms.catalogue.queries import policies as policy_queries
from lms.catalogue.queries import series as series_queries
from lms.catalogue.rules import check_can_create_series, check_can_edit_series, may_create_series, not_cancelled
from lms.catalogue.series_hours import Night, rotation_of
from lms.catalogue.views.languages import audience_here, bp, decisions_sent, nights_on, open_keys, proposed_for
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _, _n
from lms.core.time import clock
from lms.web.forms.forms import whole
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import viewer_zone
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


def _series_to_plan(slug: str) -> Series:
    actor = current_actor()
    series = series_queries.get_series(slug, by=actor)
    check_can_edit_series(series, actor)
    return series


@bp.route("/series/<slug>/copy", methods=["GET", "POST"])
@allow(SIGNED_IN)
def series_copy(slug: str) -> ResponseReturnValue:
    """Copies a series as a draft with new dates, which are previewed with clashes and public holidays."""
    actor, at = current_actor(), clock.now()
    source = _series_to_plan(slug)
    check_can_create_series(actor)
    lectures = copied_lectures(source, by=actor)
    form, decisions, status = _copy_form(source, lectures), decisions_sent(), 200
    if request.form.get("step") == "save":
        if form.validate():
            try:
                made = copy_series(slug, form.copy(decisions), by=actor, at=at)
            except Invalid as error:
                form.take(error)
                status = 422
            except Refused as error:
                form.slug.errors = [error.message]
                status = error.status
            else:
                flash(_("The copy is saved as a draft. Now check it and publish it."), "done")
                return redirect(url_for("catalogue.series_schedule", slug=made.slug))
        else:
            status = 422
        source = _series_to_plan(slug)
        lectures = copied_lectures(source, by=actor)
    checks = _copy_checks(source, lectures, form)
    audience = audience_here(source)
    return render_template(
        "catalogue/series_copy.html",
        series=source,
        form=form,
        basis=audience.basis,
        rows=_copy_rows(lectures, checks, audience),
        checks=checks,
        policy=policy_queries.current_policy(source.id),
        decisions=proposed_for(checks, audience) | decisions,
        open_keys=open_keys(checks, decisions, tried=status == 422),
        counts=count_copied_parts(source, lectures, by=actor, at=at),
        links=sum(len(lecture.materials) for lecture in lectures),
        givers=len(
            {one.id for group in [source.instructors, *(each.instructors for each in lectures)] for one in group}
        ),
    ), status


def _copy_form(source: Series, lectures: Sequence[Lecture]) -> CopyForm:
    start = next((lecture.local_start for lecture in lectures if lecture.local_start is not None), None)
    today = today_in(viewer_zone(), clock.now())
    first = first_after(start.date(), today) if start is not None else None
    title = title_in_year(source.title, start.year, first.year) if start is not None and first is not None else ""
    slug = series_queries.free_slug(slug_of(title) or source.slug)
    return CopyForm(data={"title": title or source.title, "slug": slug, "first": first} | dict.fromkeys(_TICKS, True))


_TICKS = ("instructors", "speakers", "files", "links", "checks", "questions", "feedback", "rules", "countries")


def _copy_checks(source: Series, lectures: Sequence[Lecture], form: CopyForm) -> list[DateCheck]:
    """The new dates; none while no first day is given."""
    first: date | None = form.first.data
    try:
        days = days_from(lectures, first) if first is not None else None
    except Invalid:  # said when it is saved
        days = None
    if days is None:
        return []
    copies = copied_dates(lectures, days, with_instructors=form.instructors.data)
    return check_dates(None, copies, countries=iso_codes(source), locale=reader_locale(), by=current_actor())


def _copy_rows(
    lectures: Sequence[Lecture], checks: Sequence[DateCheck], audience: Audience
) -> list[tuple[Lecture, DateCheck | None, Night | None]]:
    """Each lecture with its new date, and for whom that is night compared with the date before."""
    dated = [lecture for lecture in lectures if lecture.local_start is not None]
    nights = nights_on(audience, checks, dated) if checks else []
    following = iter(zip(checks, nights, strict=True))
    nothing = (None, None)
    return [(one, *(next(following, nothing) if one.local_start is not None else nothing)) for one in lectures]


@bp.get("/series/<slug>/schedule")
@allow(SIGNED_IN)
def series_schedule(slug: str) -> ResponseReturnValue:
    """Lists all lectures of a series for its staff, with the ways to plan several at once."""
    actor, at = current_actor(), clock.now()
    series = _series_to_plan(slug)
    lectures = lecture_queries.list_lectures(series.id, by=actor)
    return render_template(
        "catalogue/series_schedule.html",
        series=series,
        lectures=lectures,
        count=len(not_cancelled(lectures)),
        rotation=rotation_of(audience_here(series), lectures),
        is_swappable=is_swappable,
        movable=len(movable_lectures(series, by=actor, at=at)),
        form=MoveForm(formdata=None, meta={"csrf": False}),
        may_copy=may_create_series(actor),
        moved=request.args.get("moved", type=whole),
    )


@bp.post("/lectures/<int:lecture_id>/swap")
@allow(SIGNED_IN)
def lecture_swap(lecture_id: int) -> ResponseReturnValue:
    """Gives a draft and its neighbour each other's date."""
    other, was = request.args.get("other", type=whole), request.args.get("was", "")
    lecture = swap_dates(lecture_id, other, was=was, by=current_actor(), at=clock.now())
    flash(_("The two lectures have changed places."), "done")
    return redirect(url_for("catalogue.series_schedule", slug=lecture.series.slug))


@bp.route("/series/<slug>/move", methods=["GET", "POST"])
@allow(SIGNED_IN)
def series_move(slug: str) -> ResponseReturnValue:
    """Previews where all lectures to come would move to, then moves them."""
    actor, at = current_actor(), clock.now()
    series = _series_to_plan(slug)
    sent = request.values if "amount" in request.values else None
    form = MoveForm(formdata=sent, meta={"csrf": request.method == "POST"})
    status = 200 if sent is None or form.validate() else 422
    if status == 200:
        try:
            if request.method == "POST":
                count = move_lectures(slug, days=form.days, key=request.form.get("key", ""), by=actor, at=at)
                flash(_n("One lecture was moved.", "%(num)s lectures were moved.", count), "done")
                return redirect(url_for("catalogue.series_schedule", slug=slug, moved=form.days))
            check_days(form.days)
        except Invalid as error:
            form.form_errors.extend(fault.reason for fault in error.faults)
            status = 422
        except Refused as error:
            form.form_errors.append(error.message)
            status = error.status
        series = _series_to_plan(slug)
    lectures = movable_lectures(series, by=actor, at=at)
    checks = _moved(series, lectures, form) if status != 422 else []
    audience = audience_here(series)
    nights = nights_on(audience, checks, lectures) if checks else []
    return render_template(
        "catalogue/series_move.html",
        series=series,
        form=form,
        rows=list(zip(lectures, checks, nights, strict=False)),
        basis=audience.basis,
        key=key_of(lectures),
        published=sum(lecture.state is LectureState.SCHEDULED for lecture in lectures),
        in_the_way=any(check.clashes or check.impossible for check in checks),
    ), status


def _moved(series: Series, lectures: Sequence[Lecture], form: MoveForm) -> list[DateCheck]:
    dates = [planned_date_of(lecture, form.days) for lecture in lectures]
    return check_dates(
        series,
        dates,
        countries=iso_codes(series),
        locale=reader_locale(),
        by=current_actor(),
        but=[lecture.id for lecture in lectures],
    )
