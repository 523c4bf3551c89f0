"""API calls for nominations: nominate, follow, remind, withdraw, endorse and decide."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO, cast

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Fault, Forbidden, Invalid, Refused
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.materials.file_kinds import MIME_TYPES
from lms.nominations.actions.decision_batches import DECISIONS, decide
from lms.nominations.actions.invitations import remind
from lms.nominations.actions.letters import KINDS, attach_letter, read_letter, remove_letter
from lms.nominations.actions.nominating import Nominated, nominate, withdraw_nominations
from lms.nominations.actions.profile_requests import ask_to_confirm
from lms.nominations.models import OPEN, Decision, Nomination, NominationState
from lms.nominations.queries.listing import NominationFilter, find_nominated, get_nomination, list_page
from lms.nominations.queries.profile_requests import answers_about
from lms.nominations.rules import MAX_LETTER_MB, may_nominate
from lms.nominations.schemas import (
    DecidedOut,
    DecisionIn,
    DecisionOut,
    DecisionsOut,
    NominatedOut,
    NominationIn,
    NominationOut,
    NominationPage,
    ProfileChangesOut,
    letter_response,
)
from lms.nominations.schemas import NominationQuery as Query
from lms.people.people_files import NOMINEE_COLUMNS, PersonRow, StagedPeople, stage_people
from lms.people.queries.countries import get_country, list_countries
from lms.people.rules import checked_address, checked_language, checked_line, email_key
from lms.web.api.api import Nothing, consumes, envelope, integer_cursor, is_set_in_form
from lms.web.api.idempotency import idempotent
from lms.web.api.openapi import takes
from lms.web.request.bodies import FORM_BYTES, body_limit, upload_limit
from lms.web.request.guards import allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("nominations_api", __name__, url_prefix="/api/v1")

PEOPLE_FILE = {
    "type": "object",
    "description": "A CSV or XLSX file of people. Administrators send `country` too.",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "country": {"type": "string"},
        "skip_bad_rows": {"type": "boolean"},
        "ask_to_confirm": {"type": "boolean"},
    },
}
LETTER_FILE = {
    "type": "object",
    "description": "A PDF, PNG, JPEG, GIF or WebP of at most 10 MB, recognised by its content.",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}},
}
LETTER: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "The letter.",
        "content": {MIME_TYPES[kind]: {"schema": {"type": "string", "format": "binary"}} for kind in sorted(KINDS)},
    }
}
ANSWERS = {200: "Nobody was nominated who was not nominated before, or a file was sent."}


@bp.get("/series/<slug>/nominations")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT, Role.REPORTER)
@scope("nominations:read")
@bp.input(Query, location="query", arg_name="query")
@bp.output(NominationPage)
def list_nominations(slug: str, query: dict[str, Any]) -> ResponseReturnValue:
    """Lists the nominations for a series, in the order in which they were made. Focal points see those of their own
    country.
    """
    by, limit = current_actor(), query["limit"]
    series = get_series(slug, by=by)
    filters = NominationFilter(state=query["state"], series=series.slug, country=query["country"])
    nominations = list_page(filters, by=by, limit=limit, cursor=integer_cursor(query["cursor"]))
    return envelope(nominations, limit, lambda nomination: nomination.id)


@bp.post("/series/<slug>/nominations")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT)
@upload_limit
@scope("nominations:write")
@consumes("multipart/form-data")
@bp.input(NominationIn, arg_name="given")
@bp.output(NominatedOut, status_code=201)
@takes(multipart=PEOPLE_FILE)
@bp.doc(responses=ANSWERS)
def create_nominations(slug: str, given: dict[str, Any]) -> ResponseReturnValue:
    """Nominates one person (JSON), or the people in a file (multipart), on behalf of a country.

    They are invited, or wait for an administrator where the series asks for approval. People beyond the country's quota
    stay drafts. A person whom the country has nominated before is counted as `unchanged`.

    Profiles are never overwritten: `differing` says where people of the country wrote something else themselves. With
    `ask_to_confirm` they are asked by e-mail, at most once in three days and never again about what they refused.
    """
    by = current_actor()
    series = get_series(slug, by=by)
    if request.mimetype == "multipart/form-data":
        return _take_file(series, by)
    country_id = _country_of(given.get("country"), by)
    row, at = _row_of(given), clock.now()
    try:
        done = nominate(series.id, [row], country_id=country_id, by=by, at=at, skip_bad_rows=False)
    except Invalid as error:
        raise Invalid(faults=[replace(fault, row=None) for fault in error.faults]) from error
    requested = ask_to_confirm(done.changed, country_id=country_id, by=by, at=at) if given["ask_to_confirm"] else 0
    nomination = find_nominated(series.id, country_id, row.key)
    answer = _answer(StagedPeople(rows=[row], total=1), done, requested=requested)
    return {**answer, "nomination": nomination}, 201 if done.created else 200


def _row_of(given: Mapping[str, Any]) -> PersonRow:
    """The person of a call. Raises Invalid with all faults."""
    faults: list[Fault] = []
    lines: dict[str, str | None] = {}
    address = ""
    try:
        address = checked_address(given.get("email") or "")
    except Invalid as error:
        faults += error.faults
    for name in ("full_name", "native_name", "organisation", "job_title"):
        try:
            lines[name] = checked_line(given.get(name) or "", field=name)
        except Invalid as error:
            faults += error.faults
    try:
        lines["language"] = checked_language(given.get("language") or "")
    except Invalid as error:
        faults += error.faults
    if faults:
        raise Invalid(faults=faults)
    return PersonRow(
        line=1,
        email=address,
        key=email_key(address),
        sector=given.get("sector"),
        gender=given.get("gender"),
        full_name=lines["full_name"],
        native_name=lines["native_name"],
        organisation=lines["organisation"],
        job_title=lines["job_title"],
        language=lines["language"],
    )


def _country_of(code: str | None, by: Actor) -> int:
    """The country that nominates. Another than the caller's own is answered like one that does not exist."""
    countries = [one for one in list_countries() if one.id in by.country_ids] if not by.is_administrator else []
    if code:
        country_id = get_country(code).id
        if not may_nominate(by, country_id):
            raise Invalid("country", _("You can only nominate people from your own country."))
        return country_id
    if len(countries) != 1:
        raise Invalid("country", _("Enter the code of the country that nominates."))
    return countries[0].id


def _take_file(series: Series, by: Actor) -> ResponseReturnValue:
    file = request.files.get("file")
    if file is None:
        raise Invalid("file", _("Send the file in the field “file”."))
    country_id = _country_of(request.form.get("country"), by)
    skip, ask, at = is_set_in_form("skip_bad_rows"), is_set_in_form("ask_to_confirm"), clock.now()
    staged = stage_people(file.read(), look_up_nameless=False, known=NOMINEE_COLUMNS)
    done = nominate(
        series.id,
        staged.rows,
        country_id=country_id,
        rejected=staged.rejected,
        skip_bad_rows=skip,
        by=by,
        at=at,
    )
    requested = ask_to_confirm(done.changed, country_id=country_id, by=by, at=at) if ask else 0
    return {**_answer(staged, done, requested=requested), "nomination": None}, 200


def _answer(staged: StagedPeople, done: Nominated, *, requested: int) -> dict[str, Any]:
    answer = ImportAnswer(
        rows=staged.total,
        created=done.created,
        unchanged=done.unchanged,
        rejected=list(done.rejected),
        notes=staged.notes,
    )
    return {
        **vars(answer),
        "invited": done.invited,
        "submitted": done.submitted,
        "drafted": done.drafted,
        "differing": done.changed,
        "asked": requested,
    }


@bp.get("/nominations/<public_id>")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT, Role.REPORTER)
@scope("nominations:read")
@bp.output(NominationOut)
def read_nomination(public_id: str) -> Any:
    """Returns one nomination."""
    return get_nomination(public_id, by=current_actor())


def _writable(public_id: str) -> Nomination:
    """A nomination of a country that the caller nominates for."""
    by = current_actor()
    nomination = get_nomination(public_id, by=by)
    if not may_nominate(by, nomination.country_id):
        raise Forbidden
    return nomination


@bp.post("/nominations/<public_id>/withdraw")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT)
@scope("nominations:write")
@bp.input(Nothing, arg_name="body")
@bp.output(NominationOut)
def withdraw(public_id: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Withdraws a nomination that has not been accepted; the links of its invitation stop working. Repeating the call
    changes nothing.
    """
    by, nomination = current_actor(), _writable(public_id)
    if nomination.state in OPEN:
        withdraw_nominations([public_id], by=by, at=clock.now())
        nomination = get_nomination(public_id, by=by)
    if nomination.state is not NominationState.WITHDRAWN:
        raise Refused(_("This nomination has ended. It cannot be withdrawn any more."))
    return nomination


@bp.post("/nominations/<public_id>/remind")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT)
@scope("nominations:write")
@idempotent
@bp.input(Nothing, arg_name="body")
@bp.output(NominationOut)
def send_reminder(public_id: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Sends the invitation again, at most once in three days."""
    by, nomination = current_actor(), _writable(public_id)
    if nomination.state is not NominationState.INVITED:
        raise Refused(_("This nominee is not waiting to answer an invitation."))
    sent, _left = remind(nomination.series_id, nomination.country_id, by=by, at=clock.now(), public_ids=[public_id])
    if not sent:
        raise Refused(_("The invitation was sent less than 3 days ago."))
    return get_nomination(public_id, by=by)


@bp.get("/nominations/<public_id>/letter")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT)
@scope("nominations:read")
@bp.doc(responses=LETTER)
def read_letter_file(public_id: str) -> ResponseReturnValue:
    """Downloads the letter of endorsement of a nomination."""
    return letter_response(public_id, by=current_actor())


@bp.put("/nominations/<public_id>/letter")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT)
@scope("nominations:write")
@body_limit(MAX_LETTER_MB * 1024 * 1024 + FORM_BYTES)
@consumes("multipart/form-data")
@takes(multipart=LETTER_FILE)
@bp.output(NominationOut)
def put_letter(public_id: str) -> Any:
    """Attaches a letter of endorsement to a nomination that has not ended, in place of the one that it has. The same
    file again changes nothing.
    """
    by = current_actor()
    _writable(public_id)
    file = request.files.get("file")
    if file is None:
        raise Invalid("file", _("Send the file in the field “file”."))
    try:
        letter = read_letter(cast(BinaryIO, file.stream), file.filename or "")
    except Invalid as error:
        raise Invalid(faults=[replace(fault, field="file") for fault in error.faults]) from error
    attach_letter(public_id, letter, by=by, at=clock.now())
    return get_nomination(public_id, by=by)


@bp.delete("/nominations/<public_id>/letter")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT)
@scope("nominations:write")
@bp.output({}, status_code=204)
def delete_letter(public_id: str) -> ResponseReturnValue:
    """Removes the letter of endorsement of a nomination that has not ended. Repeating the call changes nothing."""
    _writable(public_id)
    remove_letter(public_id, by=current_actor(), at=clock.now())
    return "", 204


@bp.get("/nominations/<public_id>/profile-changes")
@allow(Role.ADMINISTRATOR, Role.FOCAL_POINT)
@scope("nominations:read")
@bp.output(ProfileChangesOut)
def list_profile_changes(public_id: str) -> dict[str, Any]:
    """Lists what the country asked the nominee to confirm, and the answers, latest first."""
    return {"items": answers_about(_writable(public_id), at=clock.now()), "next": None}


@bp.get("/nominations/decisions")
@allow(Role.ADMINISTRATOR)
@scope("nominations:read")
@bp.output(DecisionsOut)
def list_decided() -> dict[str, Any]:
    """Lists the latest decisions of administrators, with what came of them."""
    return {"items": DECISIONS.list_batches(None, by=current_actor()), "next": None}


@bp.get("/nominations/decisions/<batch>")
@allow(Role.ADMINISTRATOR)
@scope("nominations:read")
@bp.output(DecisionOut)
def read_decision(batch: str) -> Any:
    """Returns one decision, with how many of its nominations are in each state."""
    return DECISIONS.get_batch(None, batch, by=current_actor())


@bp.post("/nominations/decisions/<batch>/undo")
@allow(Role.ADMINISTRATOR)
@scope("decisions:write")
@bp.input(Nothing, arg_name="body")
@bp.output(DecisionOut)
def take_back_decision(batch: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Lets the nominations of a decision wait again, except those of which it cannot be taken back; `counts` says how
    many, and why. Large decisions are undone in the background. Repeating the call changes nothing.
    """
    by = current_actor()
    DECISIONS.undo(None, batch, by=by, at=clock.now())
    return DECISIONS.get_batch(None, batch, by=by)


@bp.post("/nominations/decisions")
@allow(Role.ADMINISTRATOR)
@scope("decisions:write")
@bp.input(DecisionIn, arg_name="given")
@bp.output(DecidedOut)
def decide_nominations(given: dict[str, Any]) -> dict[str, Any]:
    """Approves or rejects nominations that wait for a decision. The others are skipped and listed with the reason."""
    approve = given["decision"] is Decision.APPROVE
    done = decide(given["ids"], approve=approve, reason=given["reason"], by=current_actor(), at=clock.now())
    skipped = [
        {"id": public_id, "why": state.value if state is not None else "unknown"}
        for public_id, state in done.skipped.items()
    ]
    return {"id": done.batch, "decided": done.decided, "skipped": skipped}
