"""Pages for texts in several languages, and parts of forms that plan lectures: hours, and choices about dates."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.translations import translate_lecture, translate_series
from lms.catalogue.dates import DateCheck, DateDecision, proposed, undecided
from lms.catalogue.fair_hours import Audience, Lasting
from lms.catalogue.forms.base import LectureTextsForm, SeriesTextsForm
from lms.catalogue.forms.lectures import LectureForm
from lms.catalogue.forms.times import HoursForm, PostponeForm
from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries import lectures as lecture_queries
from lms.catalogue.queries import series as series_queries
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series, planned_end
from lms.catalogue.series_hours import HoursRequest, Night, SeriesHours, audience_of, hours_for, nights_of
from lms.core.text.translations import languages_of, outdated_fields
from lms.core.time import clock, zones
from lms.web.forms.forms import whole
from lms.web.forms.languages import languages_page
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import first_weekday, viewer_zone
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

bp = Blueprint("catalogue", __name__, template_folder="../templates")


@bp.route("/series/<slug>/languages", methods=["GET", "POST"])
@allow(SIGNED_IN)
def series_languages(slug: str) -> ResponseReturnValue:
    """The texts of a series in each language, and which of its lectures have no text, or an old one, in one of them."""
    by, at = current_actor(), clock.now()
    series = series_queries.get_series(slug, by=by)
    check_can_edit_series(series, by)
    page = languages_page(
        series,
        SeriesTextsForm,
        translate=lambda code, texts: translate_series(slug, code, texts, by=by, at=at),
        state_main=lambda code: edit_series(slug, {"text_language": code}, by=by, at=at),
    )
    if page.status is None:
        return redirect(url_for("catalogue.series_languages", slug=slug), 303)
    lectures = lecture_queries.list_lectures(series.id, by=by)
    codes = list(dict.fromkeys(code for row in (series, *lectures) for code in languages_of(row)))
    missing = {lecture.id: [code for code in codes if code not in languages_of(lecture)] for lecture in lectures}
    outdated = {lecture.id: [code for code in codes if outdated_fields(lecture, code)] for lecture in lectures}
    return render_template(
        "catalogue/series_languages.html",
        series=series,
        lectures=lectures,
        missing=missing,
        outdated=outdated,
        page=page,
    ), page.status


@bp.route("/lectures/<int:lecture_id>/languages", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_languages(lecture_id: int) -> ResponseReturnValue:
    """The texts of a lecture in each language."""
    by, at = current_actor(), clock.now()
    lecture = lecture_queries.get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    page = languages_page(
        lecture,
        LectureTextsForm,
        translate=lambda code, texts: translate_lecture(lecture_id, code, texts, by=by, at=at),
        state_main=lambda code: edit_lecture(lecture_id, {"text_language": code}, by=by, at=at),
    )
    if page.status is None:
        return redirect(url_for("catalogue.lecture_languages", lecture_id=lecture_id), 303)
    return render_template("catalogue/lecture_languages.html", lecture=lecture, page=page), page.status


DECIDE = "decide-"


def decisions_sent() -> dict[str, str]:
    """Returns what was decided about dates, by their keys; anything else than a decision is left out."""
    sent = {name.removeprefix(DECIDE): value for name, value in request.form.items() if name.startswith(DECIDE)}
    return {key: value for key, value in sent.items() if value in set(DateDecision)}


def proposed_for(checks: Sequence[DateCheck], audience: Audience) -> dict[str, str]:
    """The decisions that a form begins with, by the keys of their dates."""
    decisions = {check.key: proposed(check, audience) for check in checks}
    return {key: decision for key, decision in decisions.items() if decision is not None}


def open_keys(checks: Sequence[DateCheck], decisions: Mapping[str, str], *, tried: bool) -> set[str]:
    """The dates to mark as wrong: those not decided when saving was tried."""
    typed = {key: DateDecision(value) for key, value in decisions.items()}
    return {one.key for one in undecided(checks, typed)} if tried else set()


USUAL_MINUTES = 90
POSTPONE = "postpone"


@bp.get("/series/<slug>/hours")
@allow(SIGNED_IN)
def series_hours(slug: str) -> ResponseReturnValue:
    """Shows for whom a lecture is at night and the fairest hours of its week, before anything is planned.

    With `part`, only the part for planning forms, for the time being typed; `but` is the lecture being replanned, on
    its own page or with `part=postpone` on the one that postpones it.
    """
    series = series_queries.get_series(slug, by=current_actor())
    check_can_edit_series(series, current_actor())
    form = HoursForm(request.args, meta={"csrf": False}, data={"time_zone": viewer_zone()})
    form.validate()
    but = request.args.get("but", type=whole)
    hours = shown_hours(series, form, but=[but] if but is not None else ())
    if "part" in request.args:
        is_postponing = request.args["part"] == POSTPONE
        action = _form_address(slug, but, is_postponing=is_postponing)
        return render_template("catalogue/hours_part.html", hours=hours, series=series, action=action)
    return render_template("catalogue/series_hours.html", hours=hours, series=series, form=form)


def _form_address(slug: str, but: int | None, *, is_postponing: bool) -> str:
    """Where the form is that shows the hours."""
    if but is None:
        return url_for("catalogue.lecture_new", slug=slug)
    return url_for("catalogue.lecture_postpone" if is_postponing else "catalogue.lecture_edit", lecture_id=but)


def shown_hours(
    series: Series, form: LectureForm | HoursForm | PostponeForm, *, but: Collection[int] = (), near: date | None = None
) -> SeriesHours:
    """The hours for what a form says so far, or of the week of the day `near`; what is wrong in the form is left to its
    own check."""
    zone = zones.canonical(form.time_zone.data or "") or viewer_zone()
    hours_request = HoursRequest(
        form.starts_at.data, zone, form.duration_minutes.data or USUAL_MINUTES, first_weekday(), near=near
    )
    return hours_for(series, hours_request, locale=reader_locale(), by=current_actor(), at=clock.now(), but=but)


def hours_asked(form: LectureForm | PostponeForm) -> bool:
    """Whether a form was sent only to see the hours, or to use another one; in that case it then says that one."""
    used = request.form.get("use", "")
    if used:
        try:
            form.use_start(datetime.fromisoformat(used).replace(tzinfo=None))
        except ValueError:
            return False
    return bool(used) or request.form.get("step") == "hours"


def nights_on(
    audience: Audience, checks: Sequence[DateCheck], lectures: Sequence[Lecture] | None = None
) -> list[Night | None]:
    """For whom it is night on each date; compared with the present date of these `lectures`, where given."""
    before = None if lectures is None else [_planned(lecture) for lecture in lectures]
    return nights_of(audience, [_lasting(check.starts_at, check.ends_at) for check in checks], before)


def audience_here(series: Series) -> Audience:
    """The people for whom the hours of a series are compared, as the reader sees them."""
    return audience_of(series, by=current_actor(), at=clock.now())


def _planned(lecture: Lecture) -> Lasting | None:
    return _lasting(lecture.starts_at, planned_end(lecture))


def _lasting(start: datetime | None, end: datetime | None) -> Lasting | None:
    return Lasting(start, end) if start is not None and end is not None else None
