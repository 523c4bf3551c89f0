"""Pages for decisions about several people together."""

from flask import request, url_for
from flask.typing import ResponseReturnValue

from lms.batches.views import BatchPages, preview_or_return
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _l
from lms.core.time import clock
from lms.enrolment.batch_actions import ENROLMENT_CHANGES, preview_batch
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.batches import count_places
from lms.enrolment.views.blueprint import bp
from lms.enrolment.views.places import Enrolments
from lms.web.lists.parts import read_selection
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

BatchPages(
    ENROLMENT_CHANGES,
    path="/series/<slug>/enrolment-changes",
    endpoints=("list_changes", "change", "undo_change"),
    templates=("enrolment/change.html", "enrolment/changes.html"),
    back=lambda series: url_for("enrolment.series_enrolments", slug=series.slug),
    question=_l("Why are you rejecting these people?"),
    more=lambda view, preview, **_reader: {"places": count_places(view.batch) if preview is None else 0},
).add_to(bp)


@bp.post("/series/<slug>/enrolment-changes")
@allow(SIGNED_IN)
def preview_changes(slug: str) -> ResponseReturnValue:
    """Previews accepting, rejecting or withdrawing the selected people, or all that the filter matches. Nothing is
    changed yet."""
    by, selection, status = current_actor(), read_selection(), request.form.get("status", "")
    series = get_series(slug, by=by)
    if status not in set(EnrolmentStatus):
        raise Invalid("status", _("Unknown value."))
    enrolments = Enrolments(slug)
    people = enrolments.people if selection.everybody else selection.ids
    return preview_or_return(
        lambda: preview_batch(series.id, people, status=EnrolmentStatus(status), by=by, at=clock.now()),
        page=lambda batch: url_for(".change", slug=slug, batch=batch),
        back=enrolments.here(),
    )
