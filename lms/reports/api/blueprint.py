"""The blueprint for the reports API."""

from __future__ import annotations

from apiflask import APIBlueprint

bp = APIBlueprint(
    "reports_api",
    __name__,
    url_prefix="/api/v1",
    tag={"name": "Totals", "description": "Figures, published and scheduled reports, and exports."},
)
