"""Keeping what was counted."""

from __future__ import annotations

from lms.reports.actions.public import KEPT, keep_public_figures, refresh_public_figures, refresh_when_due

__all__ = ["KEPT", "keep_public_figures", "refresh_public_figures", "refresh_when_due"]
