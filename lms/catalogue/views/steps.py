"""The steps of a lecture, each a POST: publish, delete, start, pause, end, reopen, confirm, undo, postpone, cancel."""

from datetime import datetime, timedelta
from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.lectures import delete_draft
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture, withdraw_pause
from lms.catalogue.actions.states import (
    cancel_lecture,
    confirm_held,
    end_lecture,
    hold_lecture,
    postpone_lecture,
    publish_lecture,
    reopen_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.forms.base import CatalogueForm
from lms.catalogue.forms.times import CancelForm, MomentForm, PauseForm, PostponeForm, TimesForm
from lms.catalogue.models import Lecture, LectureState, Visibility
from lms.catalogue.queries import lectures as lecture_queries
from lms.catalogue.rules import check_can_edit_lecture, not_cancelled, resolve_local
from lms.catalogue.state_changes import check_can_delete, check_can_start, is_early_start
from lms.catalogue.views.languages import bp, hours_asked, shown_hours
from lms.catalogue.views.lectures import lecture_page
from lms.core.base.errors import Fault, Invalid, Refused
from lms.core.text.i18n import _
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.views import is_local

WEEK = timedelta(days=7)


def _onwards(lecture_id: int) -> ResponseReturnValue:
    """Back to the page where the step was asked for, else to the lecture's."""
    following = request.form.get("next")
    if following is not None and is_local(following):
        return redirect(following)
    return redirect(url_for("catalogue.lecture_edit", lecture_id=lecture_id))


def _zone(lecture_id: int) -> str:
    """The zone in which moments of a lecture are typed."""
    lecture = lecture_queries.get_lecture(lecture_id, by=current_actor())
    check_can_edit_lecture(lecture, current_actor())
    return lecture.time_zone


def _instant(local: datetime | None, zone: str, field: str) -> datetime | None:
    return None if local is None else resolve_local(local, zone, field)


@bp.post("/lectures/<int:lecture_id>/publish")
@allow(SIGNED_IN)
def lecture_publish(lecture_id: int) -> ResponseReturnValue:
    """Publishes a draft. Where people are enrolled, it leads to the page that says whom this concerns."""
    form, lecture = MomentForm(), lecture_queries.get_lecture(lecture_id, by=current_actor())
    check_can_edit_lecture(lecture, current_actor())
    series = lecture.series
    if series.visibility is Visibility.PUBLIC and series.enrolled:
        return redirect(url_for("dashboards.publish", slug=series.slug, lecture=lecture_id), 303)
    status = form.attempt(lambda: publish_lecture(lecture_id, by=current_actor(), at=clock.now()))
    if status is not None:
        return _with_reason(lecture_id, form, status)
    flash(_("The lecture was published."), "done")
    return _onwards(lecture_id)


@bp.route("/lectures/<int:lecture_id>/delete", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_delete(lecture_id: int) -> ResponseReturnValue:
    """Asks before a draft that was never published is deleted, and deletes it once confirmed."""
    actor, form = current_actor(), MomentForm()
    lecture = lecture_queries.get_lecture(lecture_id, by=actor)
    check_can_edit_lecture(lecture, actor)
    try:
        check_can_delete(lecture, was_published=lecture_queries.was_published(lecture_id))
        if not form.is_submitted():
            return render_template("catalogue/lecture_delete.html", lecture=lecture)
        slug, title = lecture.series.slug, reader_text(lecture)
        delete_draft(lecture_id, by=actor, at=clock.now())
    except Refused as refused:
        flash(refused.message, "wrong")
        return redirect(url_for("catalogue.lecture_edit", lecture_id=lecture_id), 303)
    flash(_("“%(title)s” was deleted.", title=title), "done")
    return redirect(url_for("dashboards.series", slug=slug), 303)


@bp.route("/lectures/<int:lecture_id>/start", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_start(lecture_id: int) -> ResponseReturnValue:
    """Starts a lecture: now, or at a time in the past.

    More than an hour before the planned time, it shows both times and asks for confirmation first.
    """
    form, zone = MomentForm(), _zone(lecture_id)
    lecture = lecture_queries.get_lecture(lecture_id, by=current_actor())
    if not form.is_submitted():
        if lecture.state is not LectureState.SCHEDULED:
            return redirect(url_for("catalogue.lecture_edit", lecture_id=lecture_id))
        return _ask_early(lecture, form)
    now = clock.now()
    is_confirmed = request.form.get("confirm") == "start"
    is_early = False

    def work() -> None:
        nonlocal is_early
        began = _instant(form.at.data, zone, "at")
        is_early = lecture.state is LectureState.SCHEDULED and is_early_start(lecture, began or now)
        if is_early and not is_confirmed:
            check_can_start(lecture, began, now)
        else:
            start_lecture(lecture_id, started_at=began, by=current_actor(), at=now)

    status = form.attempt(work)
    if status is not None:
        return _again(lecture_id, status, {LectureState.SCHEDULED}, moment=form)
    if is_early and not is_confirmed:
        return _ask_early(lecture, form)
    flash(_("The lecture is live."), "done")
    return _onwards(lecture_id)


def _ask_early(lecture: Lecture, form: MomentForm) -> str:
    """The page that asks whether to start a lecture before its planned time."""
    began = _instant(form.at.data, lecture.time_zone, "at") or clock.now()
    following = request.form.get("next")
    is_early = is_early_start(lecture, began)
    return render_template(
        "catalogue/lecture_start.html", lecture=lecture, form=form, began=began, following=following, is_early=is_early
    )


@bp.post("/lectures/<int:lecture_id>/end")
@allow(SIGNED_IN)
def lecture_end(lecture_id: int) -> ResponseReturnValue:
    """Ends a live lecture: now, or at a time in the past."""
    form, zone = MomentForm(), _zone(lecture_id)

    def work() -> None:
        ended = _instant(form.at.data, zone, "at")
        end_lecture(lecture_id, ended_at=ended, by=current_actor(), at=clock.now())

    status = form.attempt(work)
    if status is not None:
        return _again(lecture_id, status, {LectureState.LIVE}, moment=form)
    flash(_("The lecture has ended. Attendance is being counted."), "done")
    return _onwards(lecture_id)


@bp.post("/lectures/<int:lecture_id>/pause")
@allow(SIGNED_IN)
def lecture_pause(lecture_id: int) -> ResponseReturnValue:
    """Pauses a live lecture, or changes when a paused one is meant to go on."""
    form = PauseForm()
    minutes = form.minutes.data
    status = form.attempt(lambda: pause_lecture(lecture_id, minutes=minutes, by=current_actor(), at=clock.now()))
    if status is not None:
        return _with_reason(lecture_id, form, status)
    flash(_("The lecture is paused. The pause is not counted."), "done")
    return _onwards(lecture_id)


@bp.post("/lectures/<int:lecture_id>/resume")
@allow(SIGNED_IN)
def lecture_resume(lecture_id: int) -> ResponseReturnValue:
    """Goes on with a paused lecture."""
    form = MomentForm()
    status = form.attempt(lambda: resume_lecture(lecture_id, by=current_actor(), at=clock.now()))
    if status is not None:
        return _with_reason(lecture_id, form, status)
    flash(_("The lecture goes on."), "done")
    return _onwards(lecture_id)


@bp.post("/lectures/<int:lecture_id>/pauses/<int:pause_id>")
@allow(SIGNED_IN)
def lecture_pause_withdraw(lecture_id: int, pause_id: int) -> ResponseReturnValue:
    """Counts a pause as part of its lecture, or takes that back."""
    form, is_withdrawn = MomentForm(), request.form.get("do") != "restore"
    act = partial(withdraw_pause, lecture_id, pause_id, is_withdrawn=is_withdrawn)
    status = form.attempt(lambda: act(by=current_actor(), at=clock.now()))
    if status is not None:
        return _with_reason(lecture_id, form, status)
    flash(_("Saved. Attendance is being counted again."), "done")
    return _onwards(lecture_id)


@bp.post("/lectures/<int:lecture_id>/reopen")
@allow(SIGNED_IN)
def lecture_reopen(lecture_id: int) -> ResponseReturnValue:
    """Reopens a lecture that was ended by mistake."""
    form = MomentForm()
    status = form.attempt(lambda: reopen_lecture(lecture_id, by=current_actor(), at=clock.now()))
    if status is not None:
        return _with_reason(lecture_id, form, status)
    flash(_("The lecture is live again."), "done")
    return _onwards(lecture_id)


@bp.post("/lectures/<int:lecture_id>/hold")
@allow(SIGNED_IN)
def lecture_hold(lecture_id: int) -> ResponseReturnValue:
    """Records that a past lecture was held, with its start and end."""
    form, zone = TimesForm(), _zone(lecture_id)

    def work() -> None:
        began = _instant(form.actual_start.data, zone, "actual_start")
        ended = _instant(form.actual_end.data, zone, "actual_end")
        assert began is not None
        assert ended is not None
        hold_lecture(lecture_id, started_at=began, ended_at=ended, by=current_actor(), at=clock.now())

    status = form.attempt(work)
    if status is not None:
        return _again(lecture_id, status, {LectureState.SCHEDULED}, times=form)
    flash(_("Saved: the lecture was held. Import its attendance next."), "done")
    return _onwards(lecture_id)


@bp.post("/lectures/<int:lecture_id>/confirm")
@allow(SIGNED_IN)
def lecture_confirm(lecture_id: int) -> ResponseReturnValue:
    """Confirms that a lecture was held, so that it counts as a session."""
    form = MomentForm()
    status = form.attempt(lambda: confirm_held(lecture_id, by=current_actor(), at=clock.now()))
    if status is not None:
        return _with_reason(lecture_id, form, status)
    flash(_("Confirmed. The lecture counts as a session."), "done")
    return _onwards(lecture_id)


@bp.post("/lectures/<int:lecture_id>/undo-start")
@allow(SIGNED_IN)
def lecture_undo_start(lecture_id: int) -> ResponseReturnValue:
    """Undoes the start and end of a lecture. It is scheduled as planned again."""
    form = MomentForm()
    status = form.attempt(lambda: undo_start(lecture_id, by=current_actor(), at=clock.now()))
    if status is not None:
        return _with_reason(lecture_id, form, status)
    flash(_("Undone. The lecture is scheduled as planned. Everything recorded is kept."), "done")
    return _onwards(lecture_id)


def _with_reason(lecture_id: int, form: CatalogueForm, status: int) -> ResponseReturnValue:
    """The lecture's page with the reason for refusing a step that has no form on it."""
    for reasons in form.errors.values():
        for reason in reasons:
            flash(str(reason), "wrong")
    return lecture_page(lecture_id), status


def _again(lecture_id: int, status: int, offered: set[LectureState], **forms: CatalogueForm) -> ResponseReturnValue:
    """The lecture's page with the form as sent.

    After a second press, or a change by someone else, the lecture may no longer offer the form: then only the reason is
    shown.
    """
    if lecture_queries.get_lecture(lecture_id, by=current_actor()).state in offered:
        return lecture_page(lecture_id, **forms), status
    return _with_reason(lecture_id, next(iter(forms.values())), status)


_POSTPONABLE = {LectureState.SCHEDULED, LectureState.POSTPONED}


@bp.route("/lectures/<int:lecture_id>/postpone", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_postpone(lecture_id: int) -> ResponseReturnValue:
    """Shows for whom a new time would be at night, and the fairest hours; postpones a lecture to it, or without a date.

    With a request for the hours, it shows the form as typed.
    """
    actor = current_actor()
    _zone(lecture_id)
    lecture = lecture_queries.get_lecture(lecture_id, by=actor)
    form = PostponeForm(lecture)
    if lecture.state in _POSTPONABLE and (not form.is_submitted() or hours_asked(form)):
        return _postpone_page(lecture, form)
    if not form.is_submitted():
        return redirect(url_for("catalogue.lecture_edit", lecture_id=lecture_id))
    date = request.form.get("date")  # "none", "given", or not said: then an empty time is no date

    def work() -> None:
        local = None if date == "none" else form.starts_at.data
        if local is None and date == "given":
            reason = _("Enter the new time, or postpone without a date.")
            raise Invalid(faults=[Fault(field="starts_at", reason=reason)])
        zone = None if local is None else form.time_zone.data
        postpone_lecture(lecture_id, local_start=local, time_zone=zone, by=actor, at=clock.now())

    status = form.attempt(work)
    if status is not None:
        lecture = lecture_queries.get_lecture(lecture_id, by=actor)
        is_offered = lecture.state in _POSTPONABLE
        return (_postpone_page(lecture, form), status) if is_offered else _with_reason(lecture_id, form, status)
    moved = lecture_queries.get_lecture(lecture_id, by=actor).starts_at is not None
    flash(_("The lecture has a new time.") if moved else _("The lecture was postponed without a date."), "done")
    return _onwards(lecture_id)


def _postpone_page(lecture: Lecture, form: PostponeForm) -> str:
    """The page that postpones a lecture, with the hours of the week that is typed, else of the week after the planned
    one."""
    is_to_come = lecture.starts_at is not None and lecture.starts_at > clock.now()
    near = lecture.local_start.date() + WEEK if is_to_come and lecture.local_start is not None else None
    return render_template(
        "catalogue/lecture_postpone.html",
        lecture=lecture,
        form=form,
        hours=shown_hours(lecture.series, form, but=[lecture.id], near=near),
        following=request.values.get("next"),
    )


@bp.route("/lectures/<int:lecture_id>/cancel", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_cancel(lecture_id: int) -> ResponseReturnValue:
    """Shows what cancelling a lecture affects, asks for the reason, and cancels it once confirmed."""
    actor = current_actor()
    lecture = lecture_queries.get_lecture(lecture_id, by=actor)
    check_can_edit_lecture(lecture, actor)
    form, status = CancelForm(), 200
    if request.form.get("confirm") == "cancel":
        reason = form.reason.data or ""
        failed = form.attempt(lambda: cancel_lecture(lecture_id, reason=reason, by=actor, at=clock.now()))
        if failed is None:
            flash(_("The lecture was cancelled."), "done")
            return _onwards(lecture_id)
        status = failed
        lecture = lecture_queries.get_lecture(lecture_id, by=actor)
        if lecture.state is not LectureState.SCHEDULED:
            return _with_reason(lecture_id, form, status)
    if lecture.state is not LectureState.SCHEDULED and status == 200:
        return redirect(url_for("catalogue.lecture_edit", lecture_id=lecture_id))
    others = [one for one in lecture_queries.list_lectures(lecture.series_id, by=actor) if one.id != lecture_id]
    remaining = not_cancelled(others)
    return render_template(
        "catalogue/lecture_cancel.html", lecture=lecture, form=form, remaining=len(remaining)
    ), status
