"""Corrections of many people, with their consequences, and lectures with attendees whom nobody has identified."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import url_for

from lms.attendance.actions.correction_batches import CORRECTIONS
from lms.attendance.models.credits import CorrectionBatch
from lms.attendance.queries.correction_batches import CorrectionBatchPreview
from lms.batches.kinds import BatchView
from lms.batches.views import BatchPages
from lms.catalogue.models import Lecture
from lms.certificates.queries.change_preview import preview_certificates
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.database.search import is_in_any, search_phrases
from lms.core.text.i18n import _l, _lp
from lms.core.text.translations import every_text, reading_key
from lms.dashboards.queries.waiting import UnmatchedIn, list_unmatched
from lms.dashboards.views.blueprint import bp
from lms.reports.queries.figures import public_totals
from lms.web.lists.parts import SERIES, Column
from lms.web.lists.routes import list_page
from lms.web.lists.view import ListView


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


_NEVER = datetime.min.replace(tzinfo=UTC)
_ORDERS: Mapping[str, Callable[[UnmatchedIn], Any]] = {
    "title": lambda row: (reading_key(row), row.lecture_id),
    "series": lambda row: (reading_key(row.series), row.lecture_id),
    "began": lambda row: (row.began or _NEVER, row.lecture_id),
    "count": lambda row: (row.count, -row.lecture_id),
}


@list_page(bp, "/unmatched", Role.INSTRUCTOR, Role.ADMINISTRATOR)
class UnmatchedByLecture(ListView[UnmatchedIn]):
    """Lists the lectures with attendees that nobody has identified, with their numbers."""

    endpoint, template = "dashboards.unmatched", "dashboards/unmatched.html"
    title = _l("Lectures with unmatched attendees")
    text_label = _l("Lecture or series")
    order = "count"
    columns = (
        Column("title", _l("Lecture"), _l("A to Z"), _l("Z to A")),
        Column("series", SERIES.label, SERIES.first, SERIES.last, place="under"),
        Column("began", _lp("date", "Held"), _l("newest first"), _l("oldest first"), descending=True, place="wide"),
        Column("count", _l("Unmatched"), _l("most first"), _l("fewest first"), True, True, "fig"),
    )

    def query(self, request: ListRequest) -> tuple[Sequence[UnmatchedIn], int]:
        phrases = search_phrases(request.q)
        rows = [
            row for row in list_unmatched(by=self.by) if is_in_any(phrases, [*every_text(row), *every_text(row.series)])
        ]
        rows.sort(key=_ORDERS[request.sort], reverse=request.descending)
        return request.rows_of_page(rows), len(rows)
