"""Pages of lectures: a new one, a changed one with all its steps, and its calendar file."""

from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.lectures import edit_lecture, schedule_lecture
from lms.catalogue.actions.scheduling import check_repeat, schedule_repeated
from lms.catalogue.actions.states import publish_lecture
from lms.catalogue.calendar import PROGRAMS, add_links, lecture_calendar, publisher
from lms.catalogue.dates import Repeat, draft_clashes
from lms.catalogue.forms.base import CatalogueForm
from lms.catalogue.forms.lectures import LectureForm, NewLectureForm
from lms.catalogue.forms.times import MomentForm, TimesForm, local_of
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries import lectures as lecture_queries
from lms.catalogue.queries import series as series_queries
from lms.catalogue.queries import teaching as teaching_queries
from lms.catalogue.rules import (
    check_can_edit_lecture,
    check_can_edit_series,
    is_planned_draft,
    may_see_lecture,
    planned_end,
)
from lms.catalogue.state_changes import REOPEN_WITHIN
from lms.catalogue.views.languages import (
    DECIDE,
    bp,
    decisions_sent,
    hours_asked,
    nights_on,
    open_keys,
    proposed_for,
    shown_hours,
)
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.text.i18n import _, _n
from lms.core.time import clock
from lms.web.forms.forms import whole
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import viewer_zone
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor


@bp.route("/series/<slug>/lectures/new", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_new(slug: str) -> ResponseReturnValue:
    """Creates a lecture in a series, published or as a draft, or repeated after its dates were checked.

    `copy` names a lecture to begin with, `starts_at` a time. Asked for the hours, it shows the form as it was typed.
    """
    actor = current_actor()
    series = series_queries.get_series(slug, by=actor)
    check_can_edit_series(series, actor)
    form, status = _new_form(series), 200
    state = LectureState.DRAFT if request.form.get("state") == "draft" else LectureState.SCHEDULED
    sent = form.is_submitted() and not (_is_changed(form) and request.form.get("on") != "dates")
    if sent and form.validate_for(state):
        try:
            if form.repetition is not None:
                return _repeat(slug, form, form.repetition)
            made = schedule_lecture(slug, form.draft(_saved_as(state, series)), by=actor, at=clock.now())
            if made.state is LectureState.DRAFT and state is LectureState.SCHEDULED:
                if is_planned_draft(made, clock.now()):
                    return redirect(url_for("dashboards.publish", slug=slug, lecture=made.id), 303)
                made = publish_lecture(made.id, by=actor, at=clock.now())
        except Invalid as error:
            form.take(error)
            status = 422
        except Refused as error:
            form.starts_at.errors = [error.message]
            status = 409
        else:
            flash(
                _("Saved. Now tell us whether it was held.") if made.held_unknown else _("The lecture was saved."),
                "done",
            )
            return redirect(url_for("catalogue.lecture_edit", lecture_id=made.id))
    elif sent:
        status = 422
    series = series_queries.get_series(slug, by=actor)
    count = len(lecture_queries.list_lectures(series.id, by=actor))
    hours = shown_hours(series, form)
    return render_template("catalogue/lecture_new.html", form=form, series=series, count=count, hours=hours), status


def _saved_as(state: LectureState, series: Series) -> LectureState:
    """The state in which a new lecture is saved. Where people are enrolled, it is published on the page that says whom
    this concerns."""
    is_running = series.visibility is Visibility.PUBLIC and series.enrolled > 0
    return LectureState.DRAFT if is_running else state


_PLANNED = ("starts_at", "time_zone", "duration_minutes", "repeat", "times")


def _repeat(slug: str, form: NewLectureForm, repeat: Repeat) -> ResponseReturnValue:
    """Shows the dates of a repeated lecture with what speaks against them; saves all once each is decided."""
    actor, decisions, status = current_actor(), decisions_sent(), 200
    if request.form.get("step") == "save":
        try:
            made = schedule_repeated(
                slug, form.draft(LectureState.DRAFT), repeat, decisions=decisions, by=actor, at=clock.now()
            )
        except Invalid as error:
            if error.faults[0].field != "dates":
                raise
            form.take(error)
            status = 422
        else:
            flash(_n("One lecture was saved as a draft.", "%(num)s lectures were saved as drafts.", len(made)), "done")
            return redirect(url_for("catalogue.series_schedule", slug=slug))
    draft = form.draft(LectureState.DRAFT)
    checks = check_repeat(slug, draft, repeat, locale=reader_locale(), by=actor)
    series = series_queries.get_series(slug, by=actor)
    hours = shown_hours(series, form)
    return render_template(
        "catalogue/lecture_repeat.html",
        series=series,
        form=form,
        checks=checks,
        hours=hours,
        nights=nights_on(hours.audience, checks),
        decisions=proposed_for(checks, hours.audience) | decisions,
        open_keys=open_keys(checks, decisions, tried=status == 422),
        kept=[(name, value) for name, value in request.form.items(multi=True) if _is_kept(name)],
    ), status


def _is_kept(name: str) -> bool:
    """Whether what was typed in the form of the lecture is carried along, out of sight."""
    return name not in (*_PLANNED, "csrf_token", "step", "state", "on", "use") and not name.startswith(DECIDE)


def _new_form(series: Series) -> NewLectureForm:
    """An empty form, or one with what the lecture says that is to be copied."""
    actor, copied = current_actor(), request.args.get("copy", type=whole)
    if copied is None:
        form = NewLectureForm.new(series, viewer_zone(), teaching_queries.addresses_to_list(series, by=actor))
        if not form.is_submitted():
            form.take_times(request.args)
        return form
    lecture = lecture_queries.get_lecture(copied, by=actor)
    check_can_edit_lecture(lecture, actor)
    return NewLectureForm.copied(lecture, teaching_queries.addresses_to_list(lecture, by=actor))


@bp.route("/lectures/<int:lecture_id>/edit", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_edit(lecture_id: int) -> ResponseReturnValue:
    """Edits a lecture. The same page offers the steps that are currently possible, and shows the hours of its week."""
    actor = current_actor()
    form, status = _form_of(lecture_id), 200
    sent = form.is_submitted() and not _is_changed(form)
    if sent and form.validate():
        try:
            edit_lecture(lecture_id, form.changes(), by=actor, at=clock.now())
        except Invalid as error:
            form.take(error)
            status = 422
        except Refused as error:
            form.starts_at.errors = [error.message]
            status = 409
        else:
            flash(_("Saved."), "done")
            return redirect(url_for("catalogue.lecture_edit", lecture_id=lecture_id))
    elif sent:
        status = 422
    return lecture_page(lecture_id, form=form), status


def _is_changed(form: LectureForm) -> bool:
    """Whether a form was sent only to see the hours or to change one of its lists; it is then shown again."""
    return hours_asked(form) or form.change_list(request.form) or form.change_links(request.form)


def _form_of(lecture_id: int) -> LectureForm:
    actor = current_actor()
    lecture = lecture_queries.get_lecture(lecture_id, by=actor)
    check_can_edit_lecture(lecture, actor)
    return LectureForm.of(lecture, teaching_queries.instructor_addresses([lecture], by=actor)[lecture.id] or [])


def _unsent(form: type[CatalogueForm], *given: Any, **data: Any) -> Any:
    """A form that shows what is there, whatever was sent to another form of the page."""
    return form(*given, formdata=None, **data)


def lecture_page(
    lecture_id: int,
    *,
    form: LectureForm | None = None,
    moment: MomentForm | None = None,
    times: TimesForm | None = None,
) -> str:
    """The page of a lecture for its staff, with the forms that were sent as they were typed."""
    actor, at = current_actor(), clock.now()
    lecture = lecture_queries.get_lecture(lecture_id, by=actor)
    check_can_edit_lecture(lecture, actor)
    is_draft = lecture.state is LectureState.DRAFT
    if form is None:
        addresses = teaching_queries.instructor_addresses([lecture], by=actor)[lecture.id] or []
        form = LectureForm.of(lecture, addresses, sent=False)
    return render_template(
        "catalogue/lecture_edit.html",
        lecture=lecture,
        form=form,
        moment=moment or _unsent(MomentForm),
        times=times or _unsent(TimesForm, data=_planned(lecture)),
        changes=lecture_queries.list_changes(lecture_id, by=actor),
        may_reopen=_may_reopen(lecture, at),
        hours=shown_hours(lecture.series, form, but=[lecture_id]) if _can_retime(lecture) else None,
        clashes=draft_clashes(lecture, by=actor) if is_draft else (),
        may_delete=is_draft and not lecture_queries.was_published(lecture_id),
    )


def _can_retime(lecture: Lecture) -> bool:
    """Whether the form of a lecture asks for its time."""
    return lecture.state in (LectureState.DRAFT, LectureState.SCHEDULED)


def _planned(lecture: Lecture) -> dict[str, Any]:
    """The planned times, as a proposal of when a lecture was held."""
    zone = lecture.time_zone
    return {"actual_start": local_of(lecture.starts_at, zone), "actual_end": local_of(planned_end(lecture), zone)}


def _may_reopen(lecture: Lecture, at: Any) -> bool:
    return lecture.actual_end is not None and at - lecture.actual_end <= REOPEN_WITHIN


@bp.get("/lectures/<int:lecture_id>.ics")
@allow(ANYONE)
def lecture_ics(lecture_id: int) -> ResponseReturnValue:
    """Returns the lecture as a calendar file."""
    actor = current_actor()
    lecture = lecture_queries.get_lecture_for_calendar(lecture_id, by=actor)
    file = lecture_calendar(
        lecture,
        by=publisher(),
        at=clock.now(),
        was=lecture_queries.planned_before(lecture),
        is_hidden=not may_see_lecture(lecture, actor),
    )
    answer = Response(file.content, content_type=f"text/calendar; charset=utf-8; method={file.method}")
    answer.headers["Content-Disposition"] = f'attachment; filename="lecture-{lecture.id}.ics"'
    return answer


@bp.get("/lectures/<int:lecture_id>/calendars/<program>")
@allow(ANYONE)
def lecture_to_calendar(lecture_id: int, program: str) -> ResponseReturnValue:
    """Leads to a calendar on the web (`google`, `outlook`, `microsoft-365`), filled in with what holds now.

    E-mails link here. A lecture that is off, over or without a date leads to its own page, which says so.
    """
    if program not in PROGRAMS:
        raise NotFound
    actor = current_actor()
    lecture = lecture_queries.get_lecture(lecture_id, by=actor)
    is_on = lecture.state in (LectureState.SCHEDULED, LectureState.LIVE) and not lecture.held_unknown
    links = {one.program: one.url for one in add_links(lecture, publisher())} if is_on else {}
    return redirect(links.get(program) or url_for("dashboards.lecture", lecture_id=lecture_id))
