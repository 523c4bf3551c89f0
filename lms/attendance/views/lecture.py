"""Pages about the attendance of one lecture or person, and of all.

They confirm when a lecture took place, close and reopen its attendance, show the history of one person, apply a
policy to lectures already held, and recount all attendance.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions import times
from lms.attendance.actions.closing import close_attendance, reopen_attendance
from lms.attendance.actions.corrections import correct, restore_correction
from lms.attendance.actions.policies import request_policy
from lms.attendance.actions.recompute import request_recompute
from lms.attendance.forms import ReopenForm
from lms.attendance.queries.appeals import count_open_appeals
from lms.attendance.queries.closings import count_undecided, get_closable
from lms.attendance.queries.history import get_history
from lms.attendance.queries.roster import get_editable_lecture, roster_totals
from lms.catalogue.forms.times import local_of
from lms.catalogue.rules import marks_of
from lms.core.base.errors import Invalid, Refused
from lms.core.base.events import ReplayAsked, publish
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.forms.forms import BaseForm, whole
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

bp = Blueprint("attendance", __name__, template_folder="../templates")


@bp.post("/series/<slug>/policy")
@allow(SIGNED_IN)
def apply_policy(slug: str) -> ResponseReturnValue:
    """Applies the policy to the reviewed lectures in the background. Returns to the page where that is refused."""
    chosen = request.form.getlist("lecture", type=whole)
    key = request.form.get("key", "")
    try:
        job = request_policy(slug, chosen=chosen, key=key, by=current_actor(), at=clock.now())
    except Refused as refused:
        flash(refused.message, "wrong")
        return redirect(url_for("dashboards.policy", slug=slug, chosen=1, lecture=chosen))
    return redirect(url_for("dashboards.job", public_id=job.public_id))


@bp.post("/admin/attendance/recompute")
@allow(Role.ADMINISTRATOR)
def recompute() -> ResponseReturnValue:
    """Recounts the attendance of all lectures in the background."""
    job = request_recompute(by=current_actor(), at=clock.now())
    return redirect(url_for("dashboards.job", public_id=job.public_id))


@bp.route("/lectures/<int:lecture_id>/attendance/close", methods=["GET", "POST"])
@allow(SIGNED_IN)
def close(lecture_id: int) -> ResponseReturnValue:
    """Shows the figures that closing will lock, and closes attendance. When it is closed, shows since when and how to
    reopen it.
    """
    form = BaseForm()
    status = None
    if request.method == "POST":
        status = form.attempt(lambda: close_attendance(lecture_id, by=current_actor(), at=clock.now()))
        if status is None:
            flash(_("Attendance closed."), "done")
            return redirect(url_for(".roster", lecture_id=lecture_id))
    return _page(lecture_id, form, None), status or 200


@bp.post("/lectures/<int:lecture_id>/attendance/reopen")
@allow(SIGNED_IN)
def reopen(lecture_id: int) -> ResponseReturnValue:
    """Reopens closed attendance."""
    form = ReopenForm()
    reason = form.reason.data or ""
    status = form.attempt(lambda: reopen_attendance(lecture_id, reason=reason, by=current_actor(), at=clock.now()))
    if status is not None:
        return _page(lecture_id, None, form), status
    flash(_("Attendance reopened."), "done")
    return redirect(url_for(".roster", lecture_id=lecture_id))


def _page(lecture_id: int, close_form: BaseForm | None, reopen_form: ReopenForm | None) -> str:
    by, at = current_actor(), clock.now()
    lecture, closings = get_closable(lecture_id, by=by)
    question = ReplayAsked(lecture_id=lecture_id, by=by, at=at)
    publish(question)
    return render_template(
        "attendance/close.html",
        lecture=lecture,
        closing=closings[0] if closings and closings[0].holds else None,
        earlier=[closing for closing in closings if not closing.holds],
        totals=roster_totals(lecture_id, by=by, at=at),
        open_appeals=count_open_appeals(by=by, lecture_id=lecture_id),
        replay_until=next(iter(question.counts_until), None),
        undecided=count_undecided(lecture_id) if question.counts_until else 0,
        form=close_form or BaseForm(formdata=None),
        reopen_form=reopen_form or ReopenForm(formdata=None),
    )


@bp.post("/lectures/<int:lecture_id>/times")
@allow(SIGNED_IN)
def confirm_times(lecture_id: int) -> ResponseReturnValue:
    """Saves the reviewed start and end times. Returns to the page with them where that is refused."""
    by, at = current_actor(), clock.now()
    zone = get_editable_lecture(lecture_id, by=by).time_zone
    start, end = _instant("actual_start"), _instant("actual_end")
    if start is None or end is None:
        return redirect(url_for("dashboards.times", lecture_id=lecture_id))
    key = request.form.get("key", "")
    try:
        times.confirm_times(lecture_id, started_at=start, ended_at=end, key=key, by=by, at=at)
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
        typed: dict[str, Any] = {"actual_start": local_of(start, zone), "actual_end": local_of(end, zone)}
        shown = {name: value.isoformat() for name, value in typed.items()}
        return redirect(url_for("dashboards.times", lecture_id=lecture_id, **shown))
    flash(_("Times confirmed. Attendance is being counted."), "done")
    return redirect(url_for(".roster", lecture_id=lecture_id))


def _instant(name: str) -> datetime | None:
    try:
        given = datetime.fromisoformat(request.form.get(name, ""))
        return given.astimezone(UTC) if given.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


@bp.get("/lectures/<int:lecture_id>/roster/<person_id>/history")
@allow(SIGNED_IN)
def history(lecture_id: int, person_id: str) -> ResponseReturnValue:
    """Shows every change, latest first."""
    history_view = get_history(lecture_id, person_id, by=current_actor(), at=clock.now())
    return render_template(
        "attendance/history.html",
        history=history_view,
        lecture=history_view.lecture,
        row=history_view.row,
        marks=marks_of(history_view.lecture),
    )


@bp.post("/lectures/<int:lecture_id>/roster/<person_id>/history")
@allow(SIGNED_IN)
def undo(lecture_id: int, person_id: str) -> ResponseReturnValue:
    """Removes the current correction, or restores an earlier one (`restore`, the id of a correction)."""
    by, at = current_actor(), clock.now()
    restored = request.form.get("restore", type=whole)
    try:
        if restored is None:
            correct(lecture_id, person_id, outcome=None, by=by, at=at)
            message = _("Correction removed.")
        else:
            restore_correction(lecture_id, person_id, restored, by=by, at=at)
            message = _("Correction restored with its original reason.")
    except (Refused, Invalid) as error:
        flash(error.message, "wrong")
    else:
        flash(message, "done")
    return redirect(url_for(".history", lecture_id=lecture_id, person_id=person_id))
