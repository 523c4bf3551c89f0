"""The blueprint of attendance's calls."""

from __future__ import annotations

from apiflask import APIBlueprint

bp = APIBlueprint(
    "attendance_api",
    __name__,
    url_prefix="/api/v1",
    tag={
        "name": "Attendance",
        "description": "Who attended a lecture: reports of meetings, corrections, appeals and closing.",
    },
)
