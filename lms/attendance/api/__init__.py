"""The roster, corrections, reports, appeals, closings and viewing groups, for programs."""

from __future__ import annotations

from lms.attendance.api import groups, roster, unknown
from lms.attendance.api.blueprint import bp

__all__ = ["bp", "groups", "roster", "unknown"]
