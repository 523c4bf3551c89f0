"""API calls for saved reports and their schedules: each caller's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lms.core import clock
from lms.core.roles import Role
from lms.reports.actions import saved as actions
from lms.reports.api.blueprint import bp
from lms.reports.models import ReportSchedule, SavedReport
from lms.reports.periods import Rhythm
from lms.reports.queries import saved as queries
from lms.reports.rules import FILTERS, Slice
from lms.reports.schemas import SavedChange, SavedIn, SavedListOut, SavedOut, SavedWithSendings
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.scopes import scope


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
    slice_ = Slice(**{name: wish[name] for name in ("from_day", "to_day", *FILTERS)})
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
