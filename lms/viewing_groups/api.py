"""API calls for viewing groups: open, check in, tick, sign."""

from typing import Any

from apiflask import APIBlueprint

from lms.core.time import clock
from lms.viewing_groups import queries as viewing
from lms.viewing_groups.actions import groups, signing
from lms.viewing_groups.actions.groups import Added, GroupInput, add_addresses
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
)
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses

ANSWERS = {200: "This place has its group already."}


def _shown(group_id: str) -> Any:
    return viewing.get_group(group_id, by=current_actor())


bp = APIBlueprint("viewing_groups_api", __name__, url_prefix="/api/v1")


@bp.get("/lectures/<int:lecture_id>/groups")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(GroupsOut)
def list_groups(lecture_id: int) -> dict[str, Any]:
    """Lists the viewing groups of a lecture: all of them for staff and reporters, those of their own country for focal
    points.
    """
    return {"items": viewing.list_groups(lecture_id, by=current_actor()), "next": None}


@bp.post("/lectures/<int:lecture_id>/groups")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(GroupIn, arg_name="given")
@bp.output(GroupOut, status_code=201)
@bp.doc(responses=ANSWERS)
def open_group(lecture_id: int, given: dict[str, Any]) -> Any:
    """Opens a viewing group for people from one country. Repeating the call for the same location returns the same
    group with status 200.
    """
    country = given.pop("country")
    draft = GroupInput(**given)
    group_id, is_new = groups.open_group(lecture_id, draft, country=country, by=current_actor(), at=clock.now())
    return _shown(group_id), 201 if is_new else 200


@bp.get("/groups/<group_id>")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(GroupOut)
def read_group(group_id: str) -> Any:
    """Returns one viewing group."""
    return _shown(group_id)


@bp.get("/groups/<group_id>/people")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.output(ListOut)
def read_list(group_id: str) -> Any:
    """Lists the people in a group, by name. Focal points see only people from their own country."""
    by = current_actor()
    return viewing.list_of_group(viewing.get_group(group_id, by=by), by=by, at=clock.now())


@bp.post("/groups/<group_id>/people")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(TicksIn, arg_name="ticks")
@bp.output(TicksOut)
def tick(group_id: str, ticks: dict[str, Any]) -> dict[str, Any]:
    """Adds people to the list of a group and removes others. Entries that are already correct do not change."""
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
def sign_group(group_id: str, given: dict[str, Any]) -> Any:
    """Signs the list of a group as the caller reviewed it, so that each person on it is counted. Repeating the call
    changes nothing.
    """
    basis = Basis(connection=given["connection"], start=given["watched_from"], until=given["watched_until"])
    return signing.sign_group(group_id, basis=basis, mark=given["mark"], by=current_actor(), at=clock.now())


@bp.post("/groups/<group_id>/take-back")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(TakeBackIn, arg_name="given")
@bp.output(GroupOut)
def take_back(group_id: str, given: dict[str, Any]) -> Any:
    """Withdraws the signature of a group. The people on its list are no longer counted."""
    take_back_signature(group_id, reason=given["reason"], by=current_actor(), at=clock.now())
    return _shown(group_id)


@bp.post("/check-ins")
@allow(SIGNED_IN)
@scope("presence:write")
@throttle_guesses("check-in")
@bp.input(CheckInIn, arg_name="given")
@bp.output(CheckedInOut)
@bp.doc(responses={404: "No group shows this code", 429: "Too often"})
def check_in(given: dict[str, Any]) -> Any:
    """Adds the caller to the list of the group with this code. Repeating the call changes nothing."""
    return groups.check_in(given["code"], by=current_actor(), at=clock.now())
