"""API calls for unmatched attendees."""

from typing import Any

from apiflask import APIBlueprint

from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.resolution import resolve_attendee, undo_decision
from lms.attendance_imports.actions.staging import stage_attendance
from lms.attendance_imports.queries.review import get_unknown, review_page
from lms.attendance_imports.schemas import (
    DecisionIn,
    ReportIn,
    UndoIn,
    UnknownOut,
    UnknownQuery,
    UnknownsOut,
)
from lms.core.time import clock
from lms.web.api.api import ImportAnswerOut, consumes, integer_cursor
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("attendance_imports_api", __name__, url_prefix="/api/v1")


@bp.get("/lectures/<int:lecture_id>/attendance-unknown")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(UnknownQuery, location="query", arg_name="page")
@bp.output(UnknownsOut)
def list_unknown(lecture_id: int, page: dict[str, Any]) -> dict[str, Any]:
    """Lists unmatched attendees with their candidates, or the resolved ones."""
    attendees = review_page(
        lecture_id,
        by=current_actor(),
        decided=page["state"] == "decided",
        q=page["q"].strip(),
        after=integer_cursor(page["cursor"]) or 0,
        limit=page["limit"],
    )
    following = str(attendees.following) if attendees.following is not None else None
    return {"items": attendees.items, "next": following}


@bp.post("/lectures/<int:lecture_id>/attendance-unknown/<int:attendee_id>/decide")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(DecisionIn, arg_name="wish")
@bp.output(UnknownOut)
def decide_unknown(lecture_id: int, attendee_id: int, wish: dict[str, Any]) -> Any:
    """Links an unmatched attendee to a person, throughout the series or for some rows. Returns 409 if someone else
    resolved it first.
    """
    by = current_actor()
    resolve_attendee(
        lecture_id, attendee_id, person=wish["person"], version=wish["version"], rows=wish["rows"], by=by,
        at=clock.now(),
    )  # fmt: skip
    return get_unknown(lecture_id, attendee_id, by=by)


@bp.post("/lectures/<int:lecture_id>/attendance-unknown/<int:attendee_id>/undo")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(UndoIn, arg_name="wish")
@bp.output(UnknownOut)
def undo_unknown(lecture_id: int, attendee_id: int, wish: dict[str, Any]) -> Any:
    """Undoes a resolution."""
    by = current_actor()
    undo_decision(lecture_id, attendee_id, version=wish["version"], by=by, at=clock.now())
    return get_unknown(lecture_id, attendee_id, by=by)


@bp.post("/lectures/<int:lecture_id>/attendance-imports")
@allow(SIGNED_IN)
@upload_limit
@scope("attendance:write")
@consumes("multipart/form-data")
@bp.input(ReportIn, location="form_and_files", arg_name="report")
@bp.output(ImportAnswerOut)
def import_attendance(lecture_id: int, report: dict[str, Any]) -> Any:
    """Imports an attendance report. Importing the same evidence again creates nothing."""
    by = current_actor()
    file = report["file"]
    staged = stage_attendance(
        lecture_id,
        file.read(),
        file_name=file.filename or "",
        format=report["format"],
        time_zone=report["time_zone"],
        date_order=report["date_order"],
        mapping=report["mapping"],
        sums=report["sums"],
        by=by,
    )
    return publish_attendance(staged, skip_bad_rows=report["skip_bad_rows"], by=by, at=clock.now())
