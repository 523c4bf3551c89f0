"""API calls for figures, published and saved reports, and exports."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask.typing import ResponseReturnValue

from lms.core.base.errors import DomainError, Refused
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.reports import snapshots as codec
from lms.reports.actions import saved as actions
from lms.reports.actions.exports import fetch_export, request_export
from lms.reports.actions.snapshots import publish_snapshot, withdraw_snapshot
from lms.reports.documents import report_files as files
from lms.reports.documents.files import rows_answer
from lms.reports.models import ReportSchedule, SavedReport, Snapshot, SnapshotVisibility
from lms.reports.periods import Rhythm
from lms.reports.queries import saved as queries
from lms.reports.queries.exports import Export, get_export, list_exports
from lms.reports.queries.figures import count
from lms.reports.queries.lecture import get_lecture_report
from lms.reports.queries.snapshots import get_snapshot, list_snapshots, may_count_exactly, may_read_figures
from lms.reports.rules import FILTERS, Slice
from lms.reports.schemas import (
    ExportIn,
    ExportOut,
    ExportsOut,
    FetchIn,
    FrozenOut,
    LectureReportOut,
    SavedChange,
    SavedIn,
    SavedListOut,
    SavedOut,
    SavedWithSendings,
    SnapshotIn,
    SnapshotOut,
    SnapshotReason,
    SnapshotsOut,
    TotalsOut,
    TotalsQuery,
)
from lms.web.api.api import PageQuery, envelope, integer_cursor
from lms.web.api.idempotency import idempotent
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import organiser_zone, zone_city
from lms.web.request.guards import ANYONE, SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("reports_api", __name__, url_prefix="/api/v1")


def _slice_of(wish: Mapping[str, Any]) -> Slice:
    return Slice(**{name: wish[name] for name in ("from_day", "to_day", *FILTERS)})


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
    slice_ = _slice_of(wish)
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


def _whole(public_id: str) -> queries.DescribedReport:
    row = queries.get_saved(public_id, by=current_actor())
    return replace(_described(row, queries.find_schedule(row)), sendings=queries.list_sendings(row))


def _described(row: SavedReport, schedule: ReportSchedule | None) -> queries.DescribedReport:
    return queries.describe(row, schedule, at=clock.now(), zone=clock.reporting_zone())


@bp.get("/saved-reports")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("reports:read")
@bp.output(SavedListOut)
def list_saved() -> dict[str, Any]:
    """Lists the caller's saved reports by name, at most a hundred."""
    return {"items": [_described(*found) for found in queries.list_saved(by=current_actor())], "next": None}


@bp.post("/saved-reports")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("reports:write")
@bp.input(SavedIn, arg_name="wish")
@bp.output(SavedOut, status_code=201)
@bp.doc(responses={200: "The same question stands under this name already.", 404: "There is no such series."})
def save_report(wish: dict[str, Any]) -> tuple[Any, int]:
    """Saves a report under a name. For focal points it must be about their own country."""
    by, at = current_actor(), clock.now()
    slice_ = _slice_of(wish)
    parameters = {"figure": wish["figure"], **slice_.parameters, **dict(zip(queries.AXES, wish["by"], strict=False))}
    if wish["period"] is not None:
        parameters["period"] = wish["period"]
    row = queries.get_saved(actions.save_report(wish["name"], parameters, by=by, at=at), by=by)
    return _described(row, queries.find_schedule(row)), 201 if row.created_at == at else 200


@bp.get("/saved-reports/<public_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("reports:read")
@bp.output(SavedWithSendings)
def get_saved(public_id: str) -> Any:
    """Returns one of the caller's saved reports with its schedule and its latest sendings."""
    return _whole(public_id)


@bp.patch("/saved-reports/<public_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("reports:write")
@bp.input(SavedChange, arg_name="change")
@bp.output(SavedWithSendings)
def change_saved(public_id: str, change: dict[str, Any]) -> Any:
    """Renames a saved report, or changes its schedule. A null `schedule` stops sending it."""
    schedule = change.get("schedule")
    actions.change_report(
        public_id,
        name=change.get("name"),
        timing=schedule and actions.Timing(Rhythm(schedule["rhythm"]), schedule["hour"], schedule["recipients"]),
        is_stopped="schedule" in change and schedule is None,
        by=current_actor(),
        at=clock.now(),
    )
    return _whole(public_id)


@bp.delete("/saved-reports/<public_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("reports:write")
@bp.output({}, status_code=204)
def remove_saved(public_id: str) -> str:
    """Deletes a saved report and its schedule."""
    actions.remove_report(public_id, by=current_actor(), at=clock.now())
    return ""


@dataclass(frozen=True)
class PublishedReport:
    """A published report; in its details with its figures, as far as the caller can see them."""

    row: Snapshot
    figures: Mapping[str, Any] | None = None


def _with_figures(row: Snapshot, *, by: Actor) -> PublishedReport:
    if not may_read_figures(row, by=by):
        return PublishedReport(row)
    frozen = codec.thaw(row.content)
    figures = {
        "time_zone": frozen.time_zone,
        "exact": frozen.report.exact,
        "question": codec.question(frozen.report, frozen.figure),
        "note": frozen.note,
        "definitions": frozen.definitions,
        **frozen.report.as_json(),
        "since": _since(row, frozen, by=by),
    }
    return PublishedReport(row, figures)


def _since(row: Snapshot, frozen: codec.Frozen, *, by: Actor) -> dict[str, Any] | None:
    if not may_count_exactly(row, by=by):
        return None
    locale = reader_locale()
    try:
        now = count(frozen.report.slice, frozen.report.dimensions, by=by, at=clock.now(), locale=locale)
    except DomainError:  # its series or country is not there any more
        return None
    return {
        "as_at": now.as_at,
        "totals": codec.of_totals(frozen.report, now),
        "groups": codec.of_groups(frozen.report, now),
    }


@bp.get("/reports")
@allow(ANYONE)
@scope("reports:read")
@bp.input(PageQuery, location="query", arg_name="page")
@bp.output(SnapshotsOut)
def list_reports(page: dict[str, Any]) -> dict[str, Any]:
    """Lists the published reports that the caller can see, newest first."""
    limit = page["limit"]
    rows = list_snapshots(by=current_actor(), limit=limit, cursor=integer_cursor(page["cursor"]))
    answer = envelope(rows, limit, lambda row: row.id)
    answer["items"] = [PublishedReport(row) for row in answer["items"]]
    return answer


@bp.post("/reports")
@allow(Role.ADMINISTRATOR)
@scope("reports:write")
@idempotent
@bp.input(SnapshotIn, arg_name="wish")
@bp.output(FrozenOut, status_code=201)
@bp.doc(responses={404: "There is no such series."})
def publish_report(wish: dict[str, Any]) -> Any:
    """Publishes a report and freezes its figures: public figures for `public`, exact current ones for `staff`."""
    by = current_actor()
    public_id = publish_snapshot(
        wish["title"],
        SnapshotVisibility(wish["visibility"]),
        _slice_of(wish),
        wish["by"],
        figure=wish["figure"],
        note=wish["note"],
        place=zone_city(organiser_zone()),
        locale=reader_locale(),
        by=by,
        at=clock.now(),
    )
    return _with_figures(get_snapshot(public_id, by=by), by=by)


@bp.get("/reports/<public_id>")
@allow(ANYONE)
@scope("reports:read")
@bp.output(FrozenOut)
@bp.doc(responses={404: "There is none, or it is not the caller's to see."})
def get_report(public_id: str) -> Any:
    """Returns a published report with its frozen figures."""
    by = current_actor()
    return _with_figures(get_snapshot(public_id, by=by), by=by)


@bp.post("/reports/<public_id>/withdraw")
@allow(Role.ADMINISTRATOR)
@scope("reports:write")
@bp.input(SnapshotReason, arg_name="body")
@bp.output(SnapshotOut)
def withdraw_report(public_id: str, body: dict[str, str]) -> Any:
    """Withdraws a published report, with a reason. Its web page remains."""
    by = current_actor()
    withdraw_snapshot(public_id, reason=body["reason"], by=by, at=clock.now())
    return PublishedReport(get_snapshot(public_id, by=by))


@bp.get("/lectures/<int:lecture_id>/report")
@allow(SIGNED_IN)
@scope("reports:read")
@bp.output(LectureReportOut)
@bp.doc(responses={409: "The lecture has not been held yet."})
def get_report_of_lecture(lecture_id: int) -> Any:
    """Returns the figures of a held lecture to its staff, reporters and focal points."""
    report = get_lecture_report(lecture_id, by=current_actor(), at=clock.now())
    if report is None:
        raise Refused(_("This lecture has not been held yet."))
    return report


@bp.get("/totals")
@allow(ANYONE)
@scope("totals:read")
@bp.input(TotalsQuery, location="query", arg_name="wish", unknown="raise")
@bp.output(TotalsOut)
@bp.doc(responses={403: "Finer than what is public.", 404: "There is no such series."})
def totals(wish: dict[str, Any]) -> dict[str, Any]:
    """Returns figures: public ones by one dimension, exact ones in any combination for reporters."""
    partner = None if wish["partner"] is None else wish["partner"] == "true"
    slice_ = _slice_of({**wish, "partner": partner})
    dimensions = tuple(name.strip() for name in wish["by"].split(",")) if wish["by"] else ()
    report = count(slice_, dimensions, by=current_actor(), at=clock.now(), locale=reader_locale())
    return files.api_object(report)
