"""Viewing groups, for programs: opening, checking in, ticking, signing."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.viewing_groups import queries as viewing
from lms.viewing_groups.actions import groups, signing
from lms.viewing_groups.actions.groups import Added, GroupDraft, add_addresses
from lms.viewing_groups.actions.signing import Basis, take_back_signature
from lms.viewing_groups.schemas import (
    CheckedInOut,
    CheckInIn,
    GroupIn,
    GroupOut,
    GroupsOut,
    ListOut,
    SignedOut,
    SignIn,
    TakeBackIn,
    TicksIn,
    TicksOut,
    group_json,
    list_json,
)
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.limits import throttle_guesses
from lms.web.scopes import scope

ANSWERS = {200: "This place has its group already."}


def _shown(group_id: str) -> dict[str, Any]:
    by = current_actor()
    view = viewing.get_group(group_id, by=by)
    return group_json(view, may_run=viewing.may_run(view.group, view.lecture, by))


bp = APIBlueprint(
    "viewing_groups_api",
    __name__,
    url_prefix="/api/v1",
    tag={
        "name": "Viewing groups",
        "description": "Groups that watch a lecture together, and what was signed for them.",
    },
)


@bp.get("/lectures/<int:lecture_id>/groups")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(GroupsOut)
def list_groups(lecture_id: int) -> dict[str, Any]:
    """The viewing groups of a lecture: all for its staff and reporters, the own country's for a focal point."""
    by = current_actor()
    found = viewing.list_groups(lecture_id, by=by)
    items = [group_json(one, may_run=viewing.may_run(one.group, one.lecture, by)) for one in found]
    return {"items": items, "next": None}


@bp.post("/lectures/<int:lecture_id>/groups")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(GroupIn, arg_name="given")
@bp.output(GroupOut, status_code=201)
@bp.doc(responses=ANSWERS)
def open_group(lecture_id: int, given: dict[str, Any]) -> ResponseReturnValue:
    """Opens a viewing group for people of a country; the same place once more answers 200 with the same one."""
    country = given.pop("country")
    draft = GroupDraft(**given)
    group_id, is_new = groups.open_group(lecture_id, draft, country=country, by=current_actor(), at=clock.now())
    return _shown(group_id), 201 if is_new else 200


@bp.get("/groups/<group_id>")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(GroupOut)
def read_group(group_id: str) -> dict[str, Any]:
    """One viewing group."""
    return _shown(group_id)


@bp.get("/groups/<group_id>/people")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(ListOut)
def read_list(group_id: str) -> dict[str, Any]:
    """Who is on the list of a group, by name; of a focal point's the own country's people only."""
    by = current_actor()
    return list_json(viewing.list_of_group(viewing.get_group(group_id, by=by), by=by, at=clock.now()))


@bp.post("/groups/<group_id>/people")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(TicksIn, arg_name="ticks")
@bp.output(TicksOut)
def tick(group_id: str, ticks: dict[str, Any]) -> dict[str, Any]:
    """Puts people onto a list and takes others off it. What is so already stays so."""
    by, at = current_actor(), clock.now()
    added, removed = groups.tick(group_id, add=ticks["add"], remove=ticks["remove"], by=by, at=at)
    more = Added()
    if ticks["emails"]:
        more = add_addresses(group_id, "\n".join(ticks["emails"]), by=by, at=at)
    return {
        "added": added + more.added,
        "removed": removed,
        "unchanged": len(set(ticks["add"])) - added + more.unchanged,
        "rejected": [{"row": fault.row, "reason": fault.reason} for fault in more.rejected],
    }


@bp.post("/groups/<group_id>/sign")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(SignIn, arg_name="given")
@bp.output(SignedOut)
def sign_group(group_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Signs the list of a group as it was looked at: each on it counts. The same once more changes nothing."""
    basis = Basis(connection=given["connection"], start=given["watched_from"], until=given["watched_until"])
    signed = signing.sign_group(group_id, basis=basis, mark=given["mark"], by=current_actor(), at=clock.now())
    return {"people": signed.people, "statement": signed.statement, "notes": signed.notes}


@bp.post("/groups/<group_id>/take-back")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(TakeBackIn, arg_name="given")
@bp.output(GroupOut)
def take_back(group_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Takes the signature of a group back: nobody on the list counts by it any more."""
    take_back_signature(group_id, reason=given["reason"], by=current_actor(), at=clock.now())
    return _shown(group_id)


@bp.post("/check-ins")
@allow(SIGNED_IN)
@scope("presence:write")
@throttle_guesses("check-in")
@bp.input(CheckInIn, arg_name="given")
@bp.output(CheckedInOut)
@bp.doc(responses={404: "No group shows this code", 429: "Too often"})
def check_in(given: dict[str, Any]) -> dict[str, Any]:
    """Puts the caller onto the list of the group that shows this code. Twice is once."""
    done = groups.check_in(given["code"], by=current_actor(), at=clock.now())
    return {"lecture": done.lecture_id, "title": done.title, "place": done.place, "caution": done.caution or None}
