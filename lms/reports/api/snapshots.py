"""API calls for published reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lms.core import clock
from lms.core.errors import DomainError
from lms.core.roles import Actor, Role
from lms.reports.actions.snapshots import publish_snapshot, withdraw_snapshot
from lms.reports.api.blueprint import bp
from lms.reports.models import Snapshot, SnapshotVisibility
from lms.reports.queries.figures import count
from lms.reports.queries.snapshots import get_snapshot, list_snapshots, may_count_exactly, may_read_figures
from lms.reports.rules import FILTERS, Slice
from lms.reports.schemas import FrozenOut, SnapshotIn, SnapshotOut, SnapshotReason, SnapshotsOut
from lms.reports.snapshots import codec
from lms.web.api import PageQuery, envelope, integer_cursor
from lms.web.guards import ANYONE, allow
from lms.web.idempotency import idempotent
from lms.web.identity import current_actor
from lms.web.locale import reader_locale
from lms.web.scopes import scope
from lms.web.time import organiser_zone, zone_city


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
        Slice(**{name: wish[name] for name in ("from_day", "to_day", *FILTERS)}),
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
