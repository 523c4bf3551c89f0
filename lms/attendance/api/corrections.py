"""API calls for corrections of many people together: preview, confirm, undo."""

from __future__ import annotations

from typing import Any

from lms.attendance.actions.correction_batches import confirm_batch, preview_batch, undo_batch
from lms.attendance.api.blueprint import bp
from lms.attendance.queries.correction_batches import BatchView, get_batch, list_batches, list_people, preview_of
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance.queries.roster_filters import RosterFilter
from lms.attendance.schemas.corrections import BatchConfirmIn, BatchesOut, BatchIn, BatchOut
from lms.core import clock
from lms.core.batches import EntryState
from lms.core.errors import Invalid
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.web.api import Nothing
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.scopes import scope

_LEFT_OUT = (EntryState.GONE, EntryState.STALE, EntryState.KEPT)


@bp.get("/lectures/<int:lecture_id>/attendance-corrections")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(BatchesOut)
def list_corrections(lecture_id: int) -> dict[str, Any]:
    """Lists the confirmed corrections of several people in a lecture, latest first."""
    by = current_actor()
    lecture = get_editable_lecture(lecture_id, by=by)
    return {"items": [_shown(view) for view in list_batches(lecture, by=by)], "next": None}


@bp.post("/lectures/<int:lecture_id>/attendance-corrections")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(BatchIn, arg_name="wish")
@bp.output(BatchOut, status_code=201)
def preview_corrections(lecture_id: int, wish: dict[str, Any]) -> dict[str, Any]:
    """Previews a correction of several people: a list of ids, or all that a filter of the roster holds. Nothing changes
    until you confirm it under its `id`. People who already have the outcome are counted in `unchanged`.
    """
    by, at = current_actor(), clock.now()
    people, filters = wish["people"], wish["filter"]
    if (people is None) is (filters is None):
        raise Invalid("people", _("Give either people or a filter."))
    asked = people if filters is None else RosterFilter(**(filters | {"q": filters["q"].strip()}))
    batch = preview_batch(lecture_id, asked, outcome=wish["outcome"], by=by, at=at)
    return _detailed(lecture_id, batch.public_id, by)


@bp.get("/lectures/<int:lecture_id>/attendance-corrections/<batch>")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(BatchOut)
def show_corrections(lecture_id: int, batch: str) -> dict[str, Any]:
    """Returns one correction of several people: its preview, or what it changed and who was left out."""
    return _detailed(lecture_id, batch, current_actor())


@bp.post("/lectures/<int:lecture_id>/attendance-corrections/<batch>/confirm")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(BatchConfirmIn, arg_name="wish")
@bp.output(BatchOut)
def confirm_corrections(lecture_id: int, batch: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Corrects the people of a preview, except those who left the roster or were changed since. A task corrects more
    than 500 people; `state` is then `correcting`. Repeating it changes nothing, or continues a task that stopped.
    """
    by = current_actor()
    confirm_batch(lecture_id, batch, reason=wish["reason"], by=by, at=clock.now())
    return _detailed(lecture_id, batch, by)


@bp.post("/lectures/<int:lecture_id>/attendance-corrections/<batch>/undo")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(Nothing, arg_name="body")
@bp.output(BatchOut)
def undo_corrections(lecture_id: int, batch: str, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Gives everyone back what was counted before the correction, except people who were corrected again since."""
    by = current_actor()
    undo_batch(lecture_id, batch, by=by, at=clock.now())
    return _detailed(lecture_id, batch, by)


def _detailed(lecture_id: int, public_id: str, by: Actor) -> dict[str, Any]:
    view = get_batch(lecture_id, public_id, by=by)
    left_out = [
        {"id": one.public_id, "full_name": one.full_name, "reason": one.state.value}
        for one in list_people(view, _LEFT_OUT, by=by, limit=None)
    ]
    changes = None
    if view.state == "previewed":
        preview = preview_of(view, by=by, at=clock.now())
        changes = {
            "outcomes": {
                outcome.value: {"now": now, "after": after} for outcome, (now, after) in preview.totals.items()
            },
            "attendances": preview.attendances,
            "participants": preview.participants,
            "appeals": [appeal for appeal, _name in preview.appeals],
        }
    return _shown(view) | {"changes": changes, "left_out": left_out}


def _shown(view: BatchView) -> dict[str, Any]:
    batch = view.batch
    return {
        "id": batch.public_id,
        "lecture": batch.lecture_id,
        "state": view.state,
        "outcome": batch.outcome.value if batch.outcome is not None else None,
        "reason": batch.reason,
        "people": batch.size,
        "unchanged": batch.same,
        "corrected": view.corrected,
        "undone": view.count(EntryState.TAKEN_BACK),
        "made_at": batch.made_at,
        "confirmed_at": batch.confirmed_at,
        "confirmed_by": view.confirmed_by,
        "undone_at": batch.undone_at,
    }
