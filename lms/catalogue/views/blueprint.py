"""The blueprint of the catalogue's pages, and what several of them share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, has_request_context
from sqlalchemy.exc import SQLAlchemyError

from lms.catalogue import queries
from lms.core.roles import ANONYMOUS
from lms.web.identity import Unauthenticated, current_actor

bp = Blueprint("catalogue", __name__, template_folder="../templates")


@bp.app_context_processor
def live_now() -> dict[str, Any]:
    """What is live stands on top of every page: (id, title, actual start)."""
    if not has_request_context():  # mail is rendered outside of a request
        return {}
    try:
        live: list[tuple[int, str, datetime | None]] = [
            (lecture.id, lecture.title, lecture.actual_start) for lecture in queries.list_live(by=current_actor())
        ]
    except Unauthenticated:
        live = [(lecture.id, lecture.title, lecture.actual_start) for lecture in queries.list_live(by=ANONYMOUS)]
    except SQLAlchemyError:  # the page that says so must still stand
        live = []
    return {"live_lectures": live}
