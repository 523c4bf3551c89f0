"""Keeping what was counted."""

from __future__ import annotations

from lms.reports.actions.exports import drop_old_exports, fetch_export, forget_exports, request_export
from lms.reports.actions.opening import (
    add_opening_row,
    create_opening_set,
    edit_opening_row,
    edit_opening_set,
    publish_opening,
    remove_opening_row,
    remove_opening_set,
)
from lms.reports.actions.public import KEPT, keep_public_figures, refresh_public_figures, refresh_when_due
from lms.reports.actions.snapshots import Attached, publish_snapshot, withdraw_snapshot

__all__ = [
    "KEPT",
    "Attached",
    "add_opening_row",
    "create_opening_set",
    "drop_old_exports",
    "edit_opening_row",
    "edit_opening_set",
    "fetch_export",
    "forget_exports",
    "keep_public_figures",
    "publish_opening",
    "publish_snapshot",
    "refresh_public_figures",
    "refresh_when_due",
    "remove_opening_row",
    "remove_opening_set",
    "request_export",
    "withdraw_snapshot",
]
