"""API calls for corrections of many people together: preview, confirm, undo."""

from __future__ import annotations

from typing import Any

from lms.attendance.actions.correction_batches import CORRECTIONS, preview_batch
from lms.attendance.api.blueprint import bp
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance.queries.roster_filters import RosterFilter
from lms.attendance.schemas.corrections import BatchConfirmIn, BatchesOut, BatchIn, BatchOut
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.api.api import Nothing
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor


@bp.get("/lectures/<int:lecture_id>/attendance-corrections")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(BatchesOut)
def list_corrections(lecture_id: int) -> dict[str, Any]:
    """Lists the confirmed corrections of several people in a lecture, latest first."""
    by = current_actor()
    lecture = get_editable_lecture(lecture_id, by=by)
    return {"items": CORRECTIONS.list_batches(lecture, by=by), "next": None}


@bp.post("/lectures/<int:lecture_id>/attendance-corrections")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(BatchIn, arg_name="sent")
@bp.output(BatchOut, status_code=201)
def preview_corrections(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Previews a correction of several people: a list of ids, or all that a filter of the roster holds. Nothing changes
    until you confirm it under its `id`. People who already have the outcome are counted in `unchanged`.
    """
    by, at = current_actor(), clock.now()
    people, filters = sent["people"], sent["filter"]
    if (people is None) is (filters is None):
        raise Invalid("people", _("Give either people or a filter."))
    selected = people if filters is None else RosterFilter(**(filters | {"q": filters["q"].strip()}))
    batch = preview_batch(lecture_id, selected, outcome=sent["outcome"], by=by, at=at)
    return _read(lecture_id, batch.public_id)


def _read(lecture_id: int, batch: str) -> Any:
    by = current_actor()
    return CORRECTIONS.get_details(get_editable_lecture(lecture_id, by=by), batch, by=by, at=clock.now())


@bp.get("/lectures/<int:lecture_id>/attendance-corrections/<batch>")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(BatchOut)
def show_corrections(lecture_id: int, batch: str) -> Any:
    """Returns one correction of several people: its preview, or what it changed and who was left out."""
    return _read(lecture_id, batch)


@bp.post("/lectures/<int:lecture_id>/attendance-corrections/<batch>/confirm")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(BatchConfirmIn, arg_name="sent")
@bp.output(BatchOut)
def confirm_corrections(lecture_id: int, batch: str, sent: dict[str, Any]) -> Any:
    """Corrects the people of a preview, except those who left the roster or were changed since. A task corrects more
    than 500 people; `state` is then `correcting`. Repeating it changes nothing, or continues a task that stopped.
    """
    CORRECTIONS.confirm(lecture_id, batch, reason=sent["reason"], by=current_actor(), at=clock.now())
    return _read(lecture_id, batch)


@bp.post("/lectures/<int:lecture_id>/attendance-corrections/<batch>/undo")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(Nothing, arg_name="body")
@bp.output(BatchOut)
def undo_corrections(lecture_id: int, batch: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Gives everyone back what was counted before the correction, except people who were corrected again since."""
    CORRECTIONS.undo(lecture_id, batch, by=current_actor(), at=clock.now())
    return _read(lecture_id, batch)
