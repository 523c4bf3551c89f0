"""Pages: what came of it (public), how we count, and the reports of those who may count exactly."""

from __future__ import annotations

from lms.reports.views import countries, exact, exports, lectures, opened, opening, public, snapshots
from lms.reports.views.blueprint import bp

__all__ = ["bp", "countries", "exact", "exports", "lectures", "opened", "opening", "public", "snapshots"]
