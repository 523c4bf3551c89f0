"""The API of people: tokens, and a person's profile."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, NotFound
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.actions import access
from lms.people.actions.accounts import check_password
from lms.people.actions.attempts import TooManyFailures, WrongCode, WrongCredentials
from lms.people.actions.duplicates import mark_different, unmark_different
from lms.people.actions.factors import check_otp
from lms.people.actions.merging import merge_checked, undo_merge
from lms.people.actions.persons import change_profile
from lms.people.queries.access import load_actor
from lms.people.queries.duplicates import find_duplicates, get_merge
from lms.people.queries.persons import Profile, person_id_of, profile_of
from lms.people.schemas import (
    DifferentOut,
    DuplicatesOut,
    MergeIn,
    MergeOut,
    OtherPersonIn,
    PersonIn,
    PersonOut,
    TokenIn,
    TokenOut,
    UndoMergeIn,
)
from lms.web.api.api import rfc3339
from lms.web.pages.problems import problem
from lms.web.pages.time import organiser_zone
from lms.web.request import identity
from lms.web.request.guards import ANYONE, SIGNED_IN, allow, checked_scopes, scope
from lms.web.request.identity import current_actor
from lms.web.request.limits import in_demonstration, throttle_sign_ins

PROBLEMS = "urn:serai:problem:"
bp = APIBlueprint("people_api", __name__, url_prefix="/api/v1")


@bp.post("/tokens")
@allow(ANYONE)
@throttle_sign_ins
@bp.input(TokenIn, arg_name="given")
@bp.output(TokenOut, status_code=201)
@bp.doc(
    summary="Get a bearer token",
    responses={
        401: "The address or password is wrong, or the second factor's code is wrong or missing (`otp_required`)",
        403: "Staff without their second factor",
        429: "Too often",
    },
)
def create_token(given: dict[str, Any]) -> ResponseReturnValue | dict[str, Any]:
    """Creates a token from an e-mail address, password and, with a second factor, `otp`. It is shown once."""
    at = clock.now()
    scopes = checked_scopes(given["scopes"])
    try:
        person_id = check_password(given["email"], given["password"], demonstration=in_demonstration(), at=at)
        actor = load_actor(person_id, at)
        if actor is None:
            return problem(401)
        if actor.has_second_factor:
            if not given["otp"]:
                return problem(
                    401, _("Send the code from your second factor as `otp`."), kind=f"{PROBLEMS}otp_required"
                )
            check_otp(person_id, given["otp"], at=at)
    except TooManyFailures as error:
        return problem(429, error.message, headers={"Retry-After": str(error.seconds)})
    except (WrongCredentials, WrongCode) as error:
        return problem(401, error.message, headers={"WWW-Authenticate": 'Bearer realm="Serai"'})
    if actor.roles and not actor.has_second_factor and identity.is_needed():
        return problem(
            403,
            _("Your role requires a second factor. Sign in on the website and set it up first."),
            kind=f"{PROBLEMS}second_factor_missing",
        )
    token, secret = access.create_token(given["name"], scopes=scopes, by=actor, at=at)
    return {"token": secret, "id": token.public_id, "expires_at": rfc3339(token.expires_at)}


@bp.get("/people/<public_id>")
@allow(SIGNED_IN)
@scope("people:read")
@bp.output(PersonOut)
@bp.doc(summary="Read a person")
def get_person(public_id: str) -> Any:
    """Returns a person's profile, to that person and administrators."""
    return _shown(public_id)


@bp.patch("/people/<public_id>")
@allow(SIGNED_IN)
@scope("people:write")
@bp.input(PersonIn, arg_name="changes")
@bp.output(PersonOut)
@bp.doc(summary="Change a person", responses={403: "You cannot change the history"})
def change_person(public_id: str, changes: dict[str, Any]) -> Any:
    """Changes the fields sent. A new country applies from `country_from` (administrators only; default: today)."""
    at = clock.now()
    today = clock.day_of(at, organiser_zone())
    change_profile(public_id, changes, by=current_actor(), at=at, today=today)
    return _shown(public_id)


@bp.get("/people/<public_id>/duplicates")
@allow(Role.ADMINISTRATOR)
@scope("people:read")
@bp.output(DuplicatesOut)
@bp.doc(
    summary="List possible duplicates of a person",
    responses={403: "You are not an administrator", 404: "Does not exist"},
)
def list_duplicates(public_id: str) -> dict[str, Any]:
    """Returns who may be the same person, with grade and reasons, without those marked as different."""
    day = clock.day_of(clock.now(), organiser_zone())
    return {"items": find_duplicates(public_id, day=day, by=current_actor())}


@bp.post("/people/<public_id>/merge")
@allow(Role.ADMINISTRATOR)
@scope("people:write")
@bp.input(MergeIn, arg_name="given")
@bp.output(MergeOut)
@bp.doc(
    summary="Merge another person into this one",
    responses={
        403: "You are not an administrator",
        404: "Does not exist",
        409: "One was erased, or others were merged into the other person",
        429: "Too many wrong passwords or codes",
    },
)
def merge_person(public_id: str, given: dict[str, Any]) -> Any:
    """Unites two records of one person. The same merge again changes nothing. Undo it with `merge/undo`.

    The API tokens of both end. Where one of the two has a role, send your own password too, as `current_password`, and
    a code as `otp` if you have a second factor: 422 names what is missing.
    """
    at, by = clock.now(), current_actor()
    today = clock.day_of(at, organiser_zone())
    if public_id == given["other"]:
        raise Invalid("other", _("Choose another person."))
    merge_checked(
        public_id, given["other"], reason=given["reason"], keep=given["keep"], enable=given["enable"],
        password=given["current_password"], otp=given["otp"], demonstration=in_demonstration(), by=by, at=at,
        today=today,
    )  # fmt: skip
    return get_merge(given["other"], by=by)


@bp.post("/people/<public_id>/merge/undo")
@allow(Role.ADMINISTRATOR)
@scope("people:write")
@bp.input(UndoMergeIn, arg_name="given")
@bp.output(PersonOut)
@bp.doc(
    summary="Undo a merge",
    responses={403: "You are not an administrator", 404: "Does not exist, or is not merged into this person"},
)
def undo_person_merge(public_id: str, given: dict[str, Any]) -> Any:
    """Makes two records again, each with what it had. Returns the other person. The API tokens of both end."""
    at, by = clock.now(), current_actor()
    if get_merge(given["other"], by=by).kept_id != person_id_of(public_id):
        raise NotFound
    undo_merge(given["other"], by=by, at=at)
    return _shown(given["other"])


@bp.post("/people/<public_id>/different")
@allow(Role.ADMINISTRATOR)
@scope("people:write")
@bp.input(OtherPersonIn, arg_name="given")
@bp.output(DifferentOut)
@bp.doc(
    summary="Mark two people as different",
    responses={403: "You are not an administrator", 404: "Does not exist", 409: "They are merged"},
)
def mark_person_different(public_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Keeps that two people are different, so that they are not offered as duplicates again. Undo it with
    `different/undo`."""
    mark_different(public_id, given["other"], by=current_actor(), at=clock.now())
    return {"different": True}


@bp.post("/people/<public_id>/different/undo")
@allow(Role.ADMINISTRATOR)
@scope("people:write")
@bp.input(OtherPersonIn, arg_name="given")
@bp.output(DifferentOut)
@bp.doc(summary="Compare two people again", responses={403: "You are not an administrator", 404: "Does not exist"})
def unmark_person_different(public_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Takes back that two people are different: they are compared again."""
    unmark_different(public_id, given["other"], by=current_actor(), at=clock.now())
    return {"different": False}


def _shown(public_id: str) -> Profile:
    return profile_of(public_id, day=clock.day_of(clock.now(), organiser_zone()), by=current_actor())
