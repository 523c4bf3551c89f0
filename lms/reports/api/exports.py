"""API calls for exports of rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apiflask.schemas import FileSchema
from flask import url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.jobs import Job
from lms.core.roles import Role
from lms.reports.actions.exports import fetch_export, request_export
from lms.reports.api.blueprint import bp
from lms.reports.documents.answers import rows_answer
from lms.reports.queries.exports import get_export, list_exports
from lms.reports.rules import FILTERS, Slice
from lms.reports.schemas import ExportIn, ExportOut, ExportsOut, FetchIn
from lms.web.api import PageQuery, envelope, integer_cursor, rfc3339
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale
from lms.web.scopes import scope

_DAYS = {"from_day": "from", "to_day": "to"}


def as_json(job: Job) -> dict[str, Any]:
    """Serializes an export."""
    result, asked = job.result or {}, job.arguments["asked"]
    expires = datetime.fromisoformat(result["expires_at"]) if result.get("expires_at") else None
    is_there = bool(result.get("file")) and expires is not None and expires > clock.now()
    return {
        "id": job.public_id,
        "kind": job.arguments["kind"],
        "format": job.arguments["form"],
        "question": {_DAYS.get(name, name): value for name, value in asked.items()},
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "rows": result.get("rows"),
        "error": job.error,
        "created_at": rfc3339(job.created_at),
        "expires_at": rfc3339(expires),
        "file": url_for("reports_api.fetch_rows", job_id=job.public_id) if is_there else None,
    }


@bp.get("/exports")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("exports:read")
@bp.input(PageQuery, location="query", arg_name="page")
@bp.output(ExportsOut)
def list_of_exports(page: dict[str, Any]) -> dict[str, Any]:
    """Lists the caller's exports, newest first."""
    limit = page["limit"]
    rows = list_exports(by=current_actor(), limit=limit, cursor=integer_cursor(page["cursor"]))
    answer = envelope(rows, limit, lambda row: row.id)
    answer["items"] = [as_json(row) for row in answer["items"]]
    return answer


@bp.post("/exports")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("exports:write")
@bp.input(ExportIn, arg_name="wish")
@bp.output(ExportOut, status_code=201)
@bp.doc(
    responses={
        200: "The same export waits or runs already.",
        404: "There is no such series.",
        409: "Another export of the caller is under way, or too many wait.",
    }
)
def ask_rows(wish: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Starts an export of the people or attendances in a slice, in the background.

    Focal points must name their own country.
    """
    by, at = current_actor(), clock.now()
    asked = Slice(**{name: wish[name] for name in ("from_day", "to_day", *FILTERS)})
    made = request_export(wish["kind"], wish["format"], asked, locale=reader_locale(), by=by, at=at)
    job = get_export(made, by=by)
    return as_json(job), 201 if job.created_at == at else 200


@bp.get("/exports/<job_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("exports:read")
@bp.output(ExportOut)
def get_rows(job_id: str) -> dict[str, Any]:
    """Returns the progress of an export to the person who requested it and to administrators."""
    return as_json(get_export(job_id, by=current_actor()))


@bp.post("/exports/<job_id>/file")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("exports:write")
@bp.input(FetchIn, arg_name="_nothing")
@bp.output(
    FileSchema(), content_type="text/csv", description="The file, as CSV or XLSX with the matching content type."
)
@bp.doc(responses={404: "It is not made yet, it is gone, or it is not the caller's."})
def fetch_rows(job_id: str, _nothing: dict[str, str]) -> ResponseReturnValue:
    """Downloads the file of an export. Permissions are checked again and each download is recorded in the audit trail,
    so this is not a GET.
    """
    return rows_answer(*fetch_export(job_id, by=current_actor(), at=clock.now()))
