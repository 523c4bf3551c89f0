"""Pages for closing and reopening the attendance of a lecture."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions.closing import close_attendance, reopen_attendance
from lms.attendance.forms import ReopenForm
from lms.attendance.queries.appeals import count_open_appeals
from lms.attendance.queries.closings import count_undecided, get_closable
from lms.attendance.queries.roster import roster_totals
from lms.attendance.views.blueprint import bp
from lms.core.base.events import ReplayAsked, publish
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.forms.forms import BaseForm
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


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
        earlier=[one for one in closings if not one.holds],
        totals=roster_totals(lecture_id, by=by, at=at),
        open_appeals=count_open_appeals(by=by, lecture_id=lecture_id),
        replay_until=next(iter(question.counts_until), None),
        undecided=count_undecided(lecture_id) if question.counts_until else 0,
        form=close_form or BaseForm(formdata=None),
        reopen_form=reopen_form or ReopenForm(formdata=None),
    )
