"""API calls for exports of rows."""

from __future__ import annotations

from typing import Any

from apiflask.schemas import FileSchema
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.roles import Role
from lms.reports.actions.exports import fetch_export, request_export
from lms.reports.api.blueprint import bp
from lms.reports.documents.answers import rows_answer
from lms.reports.queries.exports import Export, get_export, list_exports
from lms.reports.rules import FILTERS, Slice
from lms.reports.schemas import ExportIn, ExportOut, ExportsOut, FetchIn
from lms.web.api import PageQuery, envelope, integer_cursor
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale
from lms.web.scopes import scope


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
    answer["items"] = [Export(job) for job in answer["items"]]
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
def ask_rows(wish: dict[str, Any]) -> tuple[Any, int]:
    """Starts an export of the people or attendances in a slice, in the background.

    Focal points must name their own country.
    """
    by, at = current_actor(), clock.now()
    slice_ = Slice(**{name: wish[name] for name in ("from_day", "to_day", *FILTERS)})
    made = request_export(wish["kind"], wish["format"], slice_, locale=reader_locale(), by=by, at=at)
    job = get_export(made, by=by)
    return Export(job), 201 if job.created_at == at else 200


@bp.get("/exports/<job_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("exports:read")
@bp.output(ExportOut)
def get_rows(job_id: str) -> Any:
    """Returns the progress of an export to the person who requested it and to administrators."""
    return Export(get_export(job_id, by=current_actor()))


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
