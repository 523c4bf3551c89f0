"""Pages of corrections of many people together, which say what a correction means for certificates and figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import url_for

from lms.attendance.actions.correction_batches import CORRECTIONS
from lms.attendance.models.credits import CorrectionBatch
from lms.attendance.queries.correction_batches import CorrectionBatchPreview
from lms.batches.kinds import BatchView
from lms.batches.views import BatchPages
from lms.catalogue.models import Lecture
from lms.certificates.queries.change_preview import preview_certificates
from lms.core.base.roles import Actor
from lms.core.text.i18n import _l
from lms.dashboards.views.blueprint import bp
from lms.reports.queries.figures import public_totals


def _effects(
    view: BatchView[CorrectionBatch, Lecture], preview: CorrectionBatchPreview | None, *, by: Actor, at: datetime
) -> dict[str, Any]:
    if preview is None:
        return {}
    lecture = view.owner
    is_counted = preview.attendances or preview.participants
    return {
        "effects": preview_certificates(lecture.series_id, {lecture.id: preview.changes.changes}, by=by),
        "totals": public_totals(at=at) if is_counted else None,
    }


BatchPages(
    CORRECTIONS,
    path="/lectures/<int:lecture_id>/corrections",
    endpoints=("list_corrections", "corrections", "undo_corrections"),
    templates=("dashboards/corrections.html", "attendance/corrections.html"),
    back=lambda lecture: url_for("attendance.roster", lecture_id=lecture.id),
    question=_l("Why are you correcting these records?"),
    more=_effects,
).add_to(bp)
