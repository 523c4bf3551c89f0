"""API calls for rosters, corrections of one and of many, imports, appeals and closings."""

from dataclasses import replace
from typing import Any

from apiflask import APIBlueprint

from lms.attendance.actions import appeals, closing
from lms.attendance.actions.appeals import accept_appeal, decline_appeal
from lms.attendance.actions.correction_batches import CORRECTIONS, preview_batch
from lms.attendance.actions.corrections import correct
from lms.attendance.appeal_rules import AppealInput
from lms.attendance.models.appeals import AppealState
from lms.attendance.queries import appeals as appeals_queries
from lms.attendance.queries import closings
from lms.attendance.queries.appeals import AppealView, get_appeal
from lms.attendance.queries.roster import cursor_of, get_editable_lecture, get_row, roster
from lms.attendance.queries.roster_query import RosterFilter
from lms.attendance.schemas import (
    AnswerIn,
    AppealIn,
    AppealOut,
    AppealsOut,
    AppealsQuery,
    AttendanceRow,
    AttendanceRows,
    BatchConfirmIn,
    BatchesOut,
    BatchIn,
    BatchOut,
    ClosingOut,
    ClosingsOut,
    CorrectionIn,
    ReopenIn,
    RosterQuery,
)
from lms.core.base.errors import Invalid
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.api.api import Nothing, envelope, integer_cursor
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("attendance_api", __name__, url_prefix="/api/v1")


@bp.get("/lectures/<int:lecture_id>/attendance")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(RosterQuery, location="query", arg_name="page")
@bp.output(AttendanceRows)
def list_attendance(lecture_id: int, page: dict[str, Any]) -> dict[str, Any]:
    """Lists the roster by name. During a live lecture it reflects presence up to the last heartbeat received."""
    limit, cursor, q = page.pop("limit"), page.pop("cursor"), page.pop("q")
    filters = RosterFilter(q=(q or "").strip(), **page)
    rows = roster(lecture_id, by=current_actor(), limit=limit, cursor=cursor, filters=filters, at=clock.now())
    return envelope(rows, limit, cursor_of)


@bp.patch("/lectures/<int:lecture_id>/attendance/<person_id>")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(CorrectionIn, arg_name="wish")
@bp.output(AttendanceRow)
def correct_attendance(lecture_id: int, person_id: str, wish: dict[str, Any]) -> Any:
    """Corrects the outcome of one person, with a reason. A null outcome removes the correction."""
    by, at = current_actor(), clock.now()
    correct(lecture_id, person_id, outcome=wish["outcome"], reason=wish["reason"], by=by, at=at)
    return get_row(lecture_id, person_id, by=by, at=at)


@bp.get("/lectures/<int:lecture_id>/appeals")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(AppealsQuery, location="query", arg_name="page")
@bp.output(AppealsOut)
def list_lecture_appeals(lecture_id: int, page: dict[str, Any]) -> dict[str, Any]:
    """Lists the appeals of a lecture: all of them for its staff, otherwise the caller's own."""
    return _appeals(page, lecture_id)


@bp.get("/appeals")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(AppealsQuery, location="query", arg_name="page")
@bp.output(AppealsOut)
def list_appeals(page: dict[str, Any]) -> dict[str, Any]:
    """Lists the appeals that the caller can answer and the caller's own, for all lectures."""
    return _appeals(page, None)


def _as_asked(view: AppealView, by: Actor) -> AppealView:
    """An appeal as its reader sees it: who asked does not read who answered."""
    is_own = view.person_id == by.person_id and not by.is_administrator
    return replace(view, answered_by=None) if is_own else view


def _appeals(page: dict[str, Any], lecture_id: int | None) -> dict[str, Any]:
    by = current_actor()
    views = appeals_queries.list_appeals(
        by=by,
        lecture_id=lecture_id,
        state=page["state"],
        limit=page["limit"],
        cursor=integer_cursor(page["cursor"]),
    )
    answer = envelope(views, page["limit"], lambda view: view.appeal.id)
    answer["items"] = [_as_asked(view, by) for view in answer["items"]]
    return answer


@bp.post("/lectures/<int:lecture_id>/appeals")
@allow(SIGNED_IN)
@scope("appeals:write")
@bp.input(AppealIn, arg_name="statement")
@bp.output(AppealOut, status_code=201)
@bp.doc(responses={200: "The same was asked already."})
def file_appeal(lecture_id: int, statement: dict[str, Any]) -> Any:
    """Submits an appeal about the caller's attendance of a held lecture. Repeating it while the appeal is open returns
    the same appeal.
    """
    by = current_actor()
    draft = AppealInput(
        said_from=statement["there_from"],
        said_to=statement["there_to"],
        joined_as=statement["joined_as"],
        text=statement["text"],
    )
    appeal, is_new = appeals.file_appeal(lecture_id, draft, by=by, at=clock.now())
    return _as_asked(get_appeal(appeal.public_id, by=by), by), 201 if is_new else 200


@bp.get("/appeals/<appeal_id>")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(AppealOut)
def show_appeal(appeal_id: str) -> Any:
    """Returns one appeal to the person who submitted it and to the staff of its lecture."""
    by = current_actor()
    return _as_asked(get_appeal(appeal_id, by=by), by)


@bp.post("/appeals/<appeal_id>/answer")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(AnswerIn, arg_name="wish")
@bp.output(AppealOut)
def answer_appeal(appeal_id: str, wish: dict[str, Any]) -> Any:
    """Accepts an appeal and sets the outcome, or declines it. The person gets an e-mail."""
    by, at = current_actor(), clock.now()
    if wish["decision"] == AppealState.ACCEPTED:
        accept_appeal(appeal_id, outcome=wish["outcome"], words=wish["words"], by=by, at=at)
    else:
        decline_appeal(appeal_id, words=wish["words"], by=by, at=at)
    return _as_asked(get_appeal(appeal_id, by=by), by)


@bp.post("/appeals/<appeal_id>/withdraw")
@allow(SIGNED_IN)
@scope("appeals:write")
@bp.input(Nothing, arg_name="body")
@bp.output(AppealOut)
def withdraw_appeal(appeal_id: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Cancels an appeal of the caller."""
    by = current_actor()
    appeals.withdraw_appeal(appeal_id, by=by, at=clock.now())
    return _as_asked(get_appeal(appeal_id, by=by), by)


@bp.get("/lectures/<int:lecture_id>/attendance-closings")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(ClosingsOut)
def list_closings(lecture_id: int) -> dict[str, Any]:
    """Lists when the attendance of a lecture was closed and reopened. It is closed while the first entry has no
    `reopened_at`.
    """
    entries = closings.list_closings(lecture_id, by=current_actor())
    return {"items": entries, "next": None}


@bp.post("/lectures/<int:lecture_id>/attendance-closings")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(Nothing, arg_name="body")
@bp.output(ClosingOut, status_code=201)
@bp.doc(responses={200: "It is closed already."})
def close_attendance(lecture_id: int, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Closes the attendance of a held lecture, so that its results no longer change. If it is already closed, returns
    that closing.
    """
    by, at = current_actor(), clock.now()
    closing.close_attendance(lecture_id, by=by, at=at)
    view = closings.list_closings(lecture_id, by=by)[0]
    return view, 201 if view.closed_at == at else 200


@bp.post("/lectures/<int:lecture_id>/attendance-closings/reopen")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(ReopenIn, arg_name="wish")
@bp.output(ClosingsOut)
def reopen_attendance(lecture_id: int, wish: dict[str, Any]) -> dict[str, Any]:
    """Reopens closed attendance, with a reason. If it is already open, it stays open."""
    by = current_actor()
    closing.reopen_attendance(lecture_id, reason=wish["reason"], by=by, at=clock.now())
    entries = closings.list_closings(lecture_id, by=by)
    return {"items": entries, "next": None}


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
