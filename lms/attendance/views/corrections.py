"""Pages for corrections of many people together: the list, and taking one back."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions.correction_batches import undo_batch
from lms.attendance.queries.correction_batches import list_batches
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance.views.blueprint import bp
from lms.core import clock
from lms.web.forms import flash_refusal
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor


@bp.get("/lectures/<int:lecture_id>/corrections")
@allow(SIGNED_IN)
def list_corrections(lecture_id: int) -> ResponseReturnValue:
    """Lists the corrections of a lecture that were made for several people together."""
    by = current_actor()
    lecture = get_editable_lecture(lecture_id, by=by)
    return render_template("attendance/corrections.html", lecture=lecture, batches=list_batches(lecture, by=by))


@bp.post("/lectures/<int:lecture_id>/corrections/<batch>/undo")
@allow(SIGNED_IN)
def undo_corrections(lecture_id: int, batch: str) -> ResponseReturnValue:
    """Gives everyone in a batch back what they had before it, except who was corrected again since."""
    with flash_refusal():
        undo_batch(lecture_id, batch, by=current_actor(), at=clock.now())
    return redirect(url_for("dashboards.corrections", lecture_id=lecture_id, batch=batch), 303)
