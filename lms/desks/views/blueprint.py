"""The blueprint of the desks, and what every page is told: which lectures are live."""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import Any

from flask import Blueprint, current_app, g, has_request_context, request
from sqlalchemy.exc import SQLAlchemyError

from lms.catalogue.queries import list_live
from lms.core.roles import ANONYMOUS

bp = Blueprint("desks", __name__, template_folder="../templates")

LIVE_SECONDS = 10
"""How long the answer of which lectures are live is kept within one process."""

_KEY = "lms.desks.live"

Live = tuple[int, str, datetime | None]


@bp.app_context_processor
def live_lectures() -> dict[str, Any]:
    """`live_lectures` for the bar on top of every page: (id, title, actual start) of public live lectures.

    A lecture's own pages say themselves that it is live.
    """
    if not has_request_context():  # mail is rendered outside of a request
        return {}
    if "live_lectures" not in g:
        here = (request.view_args or {}).get("lecture_id")
        g.live_lectures = [live for live in _live() if live[0] != here]
    return {"live_lectures": g.live_lectures}


def _live() -> list[Live]:
    known: tuple[float, list[Live]] = current_app.extensions.get(_KEY, (0.0, []))
    if known[0] <= monotonic() or current_app.testing:
        try:
            rows = [(one.id, one.title, one.actual_start) for one in list_live(by=ANONYMOUS)]
        except SQLAlchemyError:
            rows = []  # a page that says what went wrong is also written while the database is away
        known = (monotonic() + LIVE_SECONDS, rows)
        current_app.extensions[_KEY] = known
    return known[1]
