"""The blueprint of dashboards, and the live lectures on every page."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, g, has_request_context, request
from sqlalchemy.exc import SQLAlchemyError

from lms.catalogue.queries.lectures import list_live_in_public
from lms.dashboards.queries.waiting import WaitingCounts, count_waiting
from lms.web.pages.assets import closed_live
from lms.web.request.identity import current_actor

bp = Blueprint("dashboards", __name__, template_folder="../templates")


@bp.app_context_processor
def live_lectures() -> dict[str, Any]:
    """`live_lectures` for the bar on top of every page: rows of public live lectures.

    Not those whose bar the reader has closed; pages of a lecture show themselves that it is live.
    """
    if not has_request_context():  # mail is rendered outside of a request
        return {}
    if "live_lectures" not in g:
        lecture_id = (request.view_args or {}).get("lecture_id")
        hidden = {lecture_id, *closed_live()}
        g.live_lectures = [live for live in _live() if live.id not in hidden]
    return {"live_lectures": g.live_lectures}


@bp.app_context_processor
def waiting_for_staff() -> dict[str, Any]:
    """`waiting_for_staff()` for the navigation: what waits for the reader's answer; null for who answers nothing."""
    return {"waiting_for_staff": _waiting}


def _waiting() -> WaitingCounts | None:
    by = current_actor()
    if not (by.is_instructor or by.is_administrator):
        return None
    try:
        return count_waiting(by=by)
    except SQLAlchemyError:
        return None


def _live() -> Sequence[Any]:
    try:
        return list_live_in_public()
    except SQLAlchemyError:
        return []  # a page that says what went wrong is also written while the database is away
