"""Background work: exporting rows, sending scheduled reports."""

from __future__ import annotations

from lms.reports.jobs.exports import export
from lms.reports.jobs.sending import send_scheduled

__all__ = ["export", "send_scheduled"]
