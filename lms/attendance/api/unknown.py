"""Who was seen and is not known, and deciding on them, for programs."""

from __future__ import annotations

from typing import Any

from lms.attendance.actions.deciding import decide_appearance, undo_decision
from lms.attendance.api.blueprint import bp
from lms.attendance.queries.review import get_unknown, review_page
from lms.attendance.schemas.roster import DecisionIn, UndoIn, UnknownOut, UnknownQuery, UnknownsOut, unknown_json
from lms.core import clock
from lms.web.api import integer_cursor
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.scopes import scope


@bp.get("/lectures/<int:lecture_id>/attendance-unknown")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(UnknownQuery, location="query", arg_name="page")
@bp.output(UnknownsOut)
def list_unknown(lecture_id: int, page: dict[str, Any]) -> dict[str, Any]:
    """Who was seen and is not known, with whom they may be; or what was decided on them."""
    found = review_page(
        lecture_id,
        by=current_actor(),
        decided=page["state"] == "decided",
        q=page["q"].strip(),
        after=integer_cursor(page["cursor"]) or 0,
        limit=page["limit"],
    )
    following = str(found.following) if found.following is not None else None
    return {"items": [unknown_json(one) for one in found.items], "next": following}


@bp.post("/lectures/<int:lecture_id>/attendance-unknown/<int:appearance_id>/decide")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(DecisionIn, arg_name="wish")
@bp.output(UnknownOut)
def decide_unknown(lecture_id: int, appearance_id: int, wish: dict[str, Any]) -> dict[str, Any]:
    """Says whom one of them means, in the whole series or for some rows. Somebody else's decision meanwhile: 409."""
    by = current_actor()
    decide_appearance(
        lecture_id, appearance_id, person=wish["person"], version=wish["version"], rows=wish["rows"], by=by,
        at=clock.now(),
    )  # fmt: skip
    return unknown_json(get_unknown(lecture_id, appearance_id, by=by))


@bp.post("/lectures/<int:lecture_id>/attendance-unknown/<int:appearance_id>/undo")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(UndoIn, arg_name="wish")
@bp.output(UnknownOut)
def undo_unknown(lecture_id: int, appearance_id: int, wish: dict[str, Any]) -> dict[str, Any]:
    """Takes a decision back."""
    by = current_actor()
    undo_decision(lecture_id, appearance_id, version=wish["version"], by=by, at=clock.now())
    return unknown_json(get_unknown(lecture_id, appearance_id, by=by))
