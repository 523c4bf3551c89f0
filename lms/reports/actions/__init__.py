"""Keeping what was counted."""

from __future__ import annotations

from lms.reports.actions.exports import drop_old_exports, fetch_export, forget_exports, request_export
from lms.reports.actions.public import KEPT, keep_public_figures, refresh_public_figures, refresh_when_due
from lms.reports.actions.snapshots import publish_snapshot, withdraw_snapshot

__all__ = [
    "KEPT",
    "drop_old_exports",
    "fetch_export",
    "forget_exports",
    "keep_public_figures",
    "publish_snapshot",
    "refresh_public_figures",
    "refresh_when_due",
    "request_export",
    "withdraw_snapshot",
]
