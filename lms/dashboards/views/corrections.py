"""A correction of many people together: what it would change, then what it changed."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions.correction_batches import confirm_batch
from lms.attendance.forms import BatchForm
from lms.attendance.queries.correction_batches import get_batch, list_people, preview_of
from lms.certificates.queries.change_preview import preview_certificates
from lms.core import clock
from lms.core.batches import AT_ONCE, LEFT_OUT, NAMED, EntryState
from lms.dashboards.views.blueprint import bp
from lms.people.queries.countries import country_names
from lms.reports.queries.figures import public_totals
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale


@bp.route("/lectures/<int:lecture_id>/corrections/<batch>", methods=["GET", "POST"])
@allow(SIGNED_IN)
def corrections(lecture_id: int, batch: str) -> ResponseReturnValue:
    """Previews a correction of several people in numbers and confirms it with a reason; afterwards shows its progress,
    what it changed, and who was left out.
    """
    by, at = current_actor(), clock.now()
    form, status = BatchForm(), 200
    if request.method == "POST":

        def work() -> None:
            confirm_batch(lecture_id, batch, reason=form.reason.data or "", by=by, at=at)

        failed = form.attempt(work)
        if failed is None:
            return redirect(url_for("dashboards.corrections", lecture_id=lecture_id, batch=batch), 303)
        status = failed
    view = get_batch(lecture_id, batch, by=by)
    preview = effects = figures = None
    names = country_names(reader_locale())
    if view.state == "previewed":
        preview = preview_of(view, by=by, at=at)
        effects = preview_certificates(view.lecture.series_id, {lecture_id: preview.changes.changes}, by=by)
        if preview.attendances or preview.participants:
            figures = public_totals(at=at)
    chosen = (EntryState.PENDING,) if preview is not None else (EntryState.CHANGED, EntryState.TAKEN_BACK)
    return render_template(
        "dashboards/corrections.html",
        view=view,
        batch=view.batch,
        lecture=view.lecture,
        preview=preview,
        effects=effects,
        totals=figures,
        countries=names,
        people=list_people(view, chosen, by=by),
        left_out=list_people(view, LEFT_OUT, by=by),
        most=NAMED,
        is_long=view.batch.size > AT_ONCE,
        form=form,
        at=at,
    ), status
