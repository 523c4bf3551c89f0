"""Keeping what was counted."""

from __future__ import annotations

from lms.reports.actions.public import KEPT, keep_public_figures, refresh_public_figures, refresh_when_due
from lms.reports.actions.snapshots import publish_snapshot, withdraw_snapshot

__all__ = [
    "KEPT",
    "keep_public_figures",
    "publish_snapshot",
    "refresh_public_figures",
    "refresh_when_due",
    "withdraw_snapshot",
]
