"""The history of one person's attendance of a lecture, with corrections to remove or restore."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions.corrections import correct, restore_correction
from lms.attendance.queries.history import get_history
from lms.attendance.views.blueprint import bp
from lms.catalogue.rules import marks_of
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.forms.forms import whole
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


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
