"""The figures, published and saved reports and exports, for programs."""

from __future__ import annotations

from lms.reports.api import exports, saved, snapshots, totals
from lms.reports.api.blueprint import bp

__all__ = ["bp", "exports", "saved", "snapshots", "totals"]
