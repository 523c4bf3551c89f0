"""The roster, corrections by hand, and reports from outside."""

from __future__ import annotations

from lms.attendance.views import imports, policies, recompute, roster, times
from lms.attendance.views.blueprint import bp

__all__ = ["bp", "imports", "policies", "recompute", "roster", "times"]
