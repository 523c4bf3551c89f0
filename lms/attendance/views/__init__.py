"""The roster, corrections by hand, appeals, closing, and reports from outside."""

from __future__ import annotations

from lms.attendance.views import appeals, closing, groups, history, imports, policies, recompute, review, roster, times
from lms.attendance.views.blueprint import bp

__all__ = [
    "appeals",
    "bp",
    "closing",
    "groups",
    "history",
    "imports",
    "policies",
    "recompute",
    "review",
    "roster",
    "times",
]
