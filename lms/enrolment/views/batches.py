"""Pages for decisions about several people together: the preview and its confirmation, the list, and undo."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.series import get_series
from lms.core import clock
from lms.core.batches import AT_ONCE, LEFT_OUT, NAMED, BatchStage, EntryState
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _
from lms.enrolment.batch_actions import confirm_batch, preview_batch, undo_batch
from lms.enrolment.forms import BatchForm
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.batches import count_places, get_batch, list_batches, list_people
from lms.enrolment.queries.batches import preview_of as preview_of_batch
from lms.enrolment.views.blueprint import bp
from lms.enrolment.views.places import Enrolments
from lms.people.queries.countries import country_names
from lms.web.forms import flash_refusal
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.lists import read_selection
from lms.web.locale import reader_locale


@bp.get("/series/<slug>/enrolment-changes")
@allow(SIGNED_IN)
def list_changes(slug: str) -> ResponseReturnValue:
    """Lists the decisions about enrolments in a series that were made for several people together."""
    by = current_actor()
    series = get_series(slug, by=by)
    return render_template("enrolment/changes.html", series=series, batches=list_batches(series, by=by))


@bp.post("/series/<slug>/enrolment-changes")
@allow(SIGNED_IN)
def preview_changes(slug: str) -> ResponseReturnValue:
    """Previews accepting, rejecting or withdrawing the selected people, or all that the filter holds. Nothing is
    changed yet."""
    by, selection, status = current_actor(), read_selection(), request.form.get("status", "")
    series = get_series(slug, by=by)
    if status not in set(EnrolmentStatus):
        raise Invalid("status", _("Unknown state."))
    enrolments = Enrolments(slug)
    people = enrolments.people if selection.everybody else selection.ids
    try:
        batch = preview_batch(series.id, people, status=EnrolmentStatus(status), by=by, at=clock.now())
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
        return redirect(enrolments.here(), 303)
    return redirect(url_for(".change", slug=slug, batch=batch.public_id), 303)


@bp.route("/series/<slug>/enrolment-changes/<batch>", methods=["GET", "POST"])
@allow(SIGNED_IN)
def change(slug: str, batch: str) -> ResponseReturnValue:
    """Previews a decision about several people in numbers and confirms it; afterwards shows its progress, what it
    changed, and who was left out."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    form, status = BatchForm(), 200
    if request.method == "POST":

        def work() -> None:
            confirm_batch(series.id, batch, reason=form.reason.data or "", by=by, at=at)

        failed = form.attempt(work)
        if failed is None:
            return redirect(url_for(".change", slug=slug, batch=batch), 303)
        status = failed
    view = get_batch(series.id, batch, by=by)
    preview = preview_of_batch(view, by=by, at=at) if view.stage is BatchStage.PREVIEWED else None
    shown = (EntryState.PENDING,) if preview is not None else (EntryState.CHANGED, EntryState.TAKEN_BACK)
    return render_template(
        "enrolment/change.html",
        view=view,
        batch=view.batch,
        series=view.series,
        preview=preview,
        places=count_places(view) if preview is None else 0,
        countries=country_names(reader_locale()),
        people=list_people(view, shown, by=by),
        left_out=list_people(view, LEFT_OUT, by=by),
        most=NAMED,
        is_long=view.batch.size > AT_ONCE,
        form=form,
        at=at,
    ), status


@bp.post("/series/<slug>/enrolment-changes/<batch>/undo")
@allow(SIGNED_IN)
def undo_change(slug: str, batch: str) -> ResponseReturnValue:
    """Enrols those who were withdrawn together again, except who was changed since."""
    by = current_actor()
    series = get_series(slug, by=by)
    with flash_refusal():
        undo_batch(series.id, batch, by=by, at=clock.now())
    return redirect(url_for(".change", slug=slug, batch=batch), 303)
