"""The figures and the published reports, for programs."""

from __future__ import annotations

from lms.reports.api import snapshots, totals
from lms.reports.api.blueprint import bp

__all__ = ["bp", "snapshots", "totals"]
