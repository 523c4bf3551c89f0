"""The blueprint for the attendance API."""

from __future__ import annotations

from apiflask import APIBlueprint

bp = APIBlueprint("attendance_api", __name__, url_prefix="/api/v1")
