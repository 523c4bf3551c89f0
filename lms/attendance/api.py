"""The roster, corrections and reports of attendance, for programs."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from lms.attendance import actions, queries
from lms.attendance.schemas import (
    AttendanceRow,
    AttendanceRows,
    CorrectionIn,
    ReportIn,
    RosterQuery,
    row_json,
)
from lms.core import clock
from lms.web.api import ImportAnswerOut, consumes, envelope
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.scopes import scope

bp = APIBlueprint("attendance_api", __name__, url_prefix="/api/v1", tag="Attendance")


@bp.get("/lectures/<int:lecture_id>/attendance")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(RosterQuery, location="query", arg_name="page")
@bp.output(AttendanceRows)
def list_attendance(lecture_id: int, page: dict[str, Any]) -> dict[str, Any]:
    """The roster by name; while the lecture is live, from presence to the last beat received."""
    rows = queries.roster(
        lecture_id, by=current_actor(), limit=page["limit"], cursor=page["cursor"], q=page["q"], at=clock.now()
    )
    answer = envelope(rows, page["limit"], queries.cursor_of)
    answer["items"] = [row_json(row) for row in answer["items"]]
    return answer


@bp.patch("/lectures/<int:lecture_id>/attendance/<person_id>")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(CorrectionIn, arg_name="wish")
@bp.output(AttendanceRow)
def correct_attendance(lecture_id: int, person_id: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Sets the outcome of one person by hand, with the reason; an outcome of null withdraws it."""
    by, at = current_actor(), clock.now()
    actions.correct(lecture_id, person_id, outcome=wish["outcome"], reason=wish["reason"], by=by, at=at)
    return row_json(queries.get_row(lecture_id, person_id, by=by, at=at))


@bp.post("/lectures/<int:lecture_id>/attendance-imports")
@allow(SIGNED_IN)
@scope("attendance:write")
@consumes("multipart/form-data")
@bp.input(ReportIn, location="form_and_files", arg_name="report")
@bp.output(ImportAnswerOut)
def import_attendance(lecture_id: int, report: dict[str, Any]) -> dict[str, Any]:
    """Takes a file of attendance. The same evidence again creates nothing."""
    by = current_actor()
    file = report["file"]
    staged = actions.stage_attendance(
        lecture_id,
        file.read(),
        file_name=file.filename or "",
        format=report["format"],
        time_zone=report["time_zone"],
        date_order=report["date_order"],
        by=by,
    )
    answer = actions.publish_attendance(staged, skip_bad_rows=report["skip_bad_rows"], by=by, at=clock.now())
    return answer.as_json()
