"""Pages: what came of it (public), how we count, and the reports of those who may count exactly."""

from __future__ import annotations

from flask import Flask

from lms.reports.actions.sending import TEMPLATE
from lms.reports.mailing import prepared
from lms.reports.views import countries, exact, exports, lectures, opened, opening, public, saved, snapshots
from lms.reports.views.blueprint import bp
from lms.web import mail

__all__ = [
    "bp", "countries", "exact", "exports", "init_app", "lectures", "opened", "opening", "public", "saved", "snapshots",
]  # fmt: skip


def init_app(app: Flask) -> None:
    """Tells the post office how a scheduled report is written."""
    mail.register(app, TEMPLATE, prepared)
