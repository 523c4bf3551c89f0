"""The API of enrolment."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apiflask import APIBlueprint
from flask import jsonify, request
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import may_edit_series
from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.enrolment.actions import by_address, many, places
from lms.enrolment.batch_actions import ENROLMENT_CHANGES, preview_batch
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.seat_entries import ledger_after, list_quotas
from lms.enrolment.queries.series import SeatFilter, get_seat, list_seats, with_answers
from lms.enrolment.quota_files import stage_quota_rows
from lms.enrolment.quotas import set_quotas
from lms.enrolment.schemas import (
    EnrolmentChangeConfirmIn,
    EnrolmentChangeIn,
    EnrolmentChangeOut,
    EnrolmentChangesOut,
    EnrolmentIn,
    EnrolmentOut,
    EnrolmentPage,
    EnrolmentQuery,
    QuotasIn,
    QuotasOut,
    SeatsOut,
    StatusIn,
)
from lms.people.models import Person
from lms.people.people_files import stage_people
from lms.people.queries.persons import find_person_by_email
from lms.web.api.api import ImportAnswerOut, Nothing, PageQuery, consumes, envelope, integer_cursor, is_set_in_form
from lms.web.api.openapi import takes
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("enrolment_api", __name__, url_prefix="/api/v1")

PEOPLE_FILE = {
    "type": "object",
    "description": "A CSV or XLSX file of people. Administrators only.",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}, "skip_bad_rows": {"type": "boolean"}},
}
ANSWERS: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "The same enrolment already exists; for a file, the result of the import.",
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/EnrolmentOut"},
                        {"$ref": "#/components/schemas/ImportAnswerOut"},
                    ]
                }
            }
        },
    }
}


@bp.get("/series/<slug>/enrolments")
@allow(SIGNED_IN)
@scope("enrolments:read")
@bp.input(EnrolmentQuery, location="query", arg_name="query")
@bp.output(EnrolmentPage)
def list_enrolments(slug: str, query: dict[str, Any]) -> ResponseReturnValue:
    """Lists the enrolments of a series that the caller can see, in order of registration, withdrawn ones included."""
    by, limit = current_actor(), query["limit"]
    series = get_series(slug, by=by)
    seats = list_seats(
        series,
        by=by,
        limit=limit,
        cursor=integer_cursor(query["cursor"]),
        q=query["q"].strip() or None,
        status=query["status"],
        country=query["country"],
        source=query["source"],
        organisation=query["organisation"],
        unanswered=query["answer"] is not None,
        answers=dict(each.split(":", 1) for each in query["answers"]),
    )
    return envelope(with_answers(seats, series, by=by, at=clock.now()), limit, lambda seat: seat.id)


@bp.post("/series/<slug>/enrolments")
@allow(SIGNED_IN)
@upload_limit
@scope("enrolments:write")
@consumes("multipart/form-data")
@bp.input(EnrolmentIn, arg_name="given")
@bp.output(EnrolmentOut, status_code=201)
@takes(multipart=PEOPLE_FILE)
@bp.doc(responses=ANSWERS)
def create_enrolment(slug: str, given: dict[str, Any]) -> Any:
    """Enrols the caller, one person (JSON), or, for administrators, all people in a file (multipart)."""
    by, at = current_actor(), clock.now()
    full_name = country = None
    series = get_series(slug, by=by)
    if request.mimetype == "multipart/form-data":
        return _take_file(series, by)
    person_id = _oneself(given, series, by)
    if person_id is not None:
        row = places.enrol(series.id, person_id, by=by, at=at)
    else:
        email, full_name = given.pop("email"), given.pop("full_name", None)
        country = given.pop("country", None)
        row = by_address.enrol_by_address(
            series.id, email, full_name=full_name, country=country, profile=given, by=by, at=at
        )
    seat = get_seat(row, by=by)
    if seat.is_hidden:  # the same whether or not the person was known before
        seat = replace(seat, person=Person(full_name=full_name, **given), country=country, is_hidden=False)
    return with_answers([seat], series, by=by, at=at)[0], 201 if row.registered_at == at else 200


def _oneself(given: dict[str, Any], series: Series, by: Actor) -> int | None:
    """The caller's own id where the call is for the caller; staff always say whom they mean."""
    if "email" not in given:
        if may_edit_series(series, by) or by.is_focal_point:
            raise Invalid("email", _("Enter who to enrol."))
        return by.person_id
    person = find_person_by_email(given["email"])
    return by.person_id if person is not None and person.id == by.person_id else None


def _take_file(series: Series, by: Actor) -> ResponseReturnValue:
    if not by.is_administrator:
        raise Forbidden
    file = request.files.get("file")
    if file is None:
        raise Invalid("file", _("Send the file in the field “file”."))
    skip = is_set_in_form("skip_bad_rows")
    staged = stage_people(file.read())
    answer = many.publish_enrolments(series.id, staged, skip_bad_rows=skip, by=by, at=clock.now())
    return jsonify(ImportAnswerOut().dump(answer))


@bp.patch("/enrolments/<public_id>")
@allow(SIGNED_IN)
@scope("enrolments:write")
@bp.input(StatusIn, arg_name="sent")
@bp.output(EnrolmentOut)
def change_enrolment(public_id: str, sent: dict[str, EnrolmentStatus]) -> Any:
    """Accepts, rejects or withdraws a person. Participants can withdraw and re-enrol themselves."""
    by, at = current_actor(), clock.now()
    row = places.set_status(public_id, sent["status"], by=by, at=at)
    return with_answers([get_seat(row, by=by)], row.series, by=by, at=at)[0]


@bp.get("/series/<slug>/enrolment-changes")
@allow(SIGNED_IN)
@scope("enrolments:read")
@bp.output(EnrolmentChangesOut)
def list_changes(slug: str) -> ResponseReturnValue:
    """Lists the confirmed changes of several enrolments in a series, latest first. For its staff."""
    by = current_actor()
    series = get_series(slug, by=by)
    return {"items": ENROLMENT_CHANGES.list_batches(series, by=by), "next": None}


def _filter(given: Mapping[str, Any]) -> SeatFilter:
    """Part of the enrolments, as a call describes it."""
    named = {name: value for name, value in given.items() if name != "answer"}
    return SeatFilter(**(named | {"q": given["q"].strip(), "unanswered": given["answer"] is not None}))


@bp.post("/series/<slug>/enrolment-changes")
@allow(SIGNED_IN)
@scope("enrolments:write")
@bp.input(EnrolmentChangeIn, arg_name="sent")
@bp.output(EnrolmentChangeOut, status_code=201)
def preview_changes(slug: str, sent: dict[str, Any]) -> Any:
    """Previews accepting, rejecting or withdrawing several people: a list of ids, or all that a filter holds. Nothing
    changes until you confirm it under its `id`. People for whom it does not fit are counted in `unsuitable`.
    """
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    ids, filters = sent["enrolments"], sent["filter"]
    if (ids is None) is (filters is None):
        raise Invalid("enrolments", _("Give either enrolments or a filter."))
    people = ids if filters is None else _filter(filters)
    batch = preview_batch(series.id, people, status=EnrolmentStatus(sent["status"]), by=by, at=at)
    return ENROLMENT_CHANGES.get_details(series, batch.public_id, by=by, at=at)


@bp.get("/series/<slug>/enrolment-changes/<batch>")
@allow(SIGNED_IN)
@scope("enrolments:read")
@bp.output(EnrolmentChangeOut)
def show_changes(slug: str, batch: str) -> Any:
    """Returns one change of several enrolments: its preview, or what it changed and who was left out."""
    by = current_actor()
    return ENROLMENT_CHANGES.get_details(get_series(slug, by=by), batch, by=by, at=clock.now())


@bp.post("/series/<slug>/enrolment-changes/<batch>/confirm")
@allow(SIGNED_IN)
@scope("enrolments:write")
@bp.input(EnrolmentChangeConfirmIn, arg_name="sent")
@bp.output(EnrolmentChangeOut)
def confirm_changes(slug: str, batch: str, sent: dict[str, Any]) -> Any:
    """Changes the people of a preview, except those who left the series or were changed since. They get the e-mail that
    one decision sends. A task changes more than 500 people; `state` is then `running`. Repeating the call changes
    nothing, or continues a task that stopped.
    """
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    ENROLMENT_CHANGES.confirm(series.id, batch, reason=sent["reason"], by=by, at=at)
    return ENROLMENT_CHANGES.get_details(series, batch, by=by, at=at)


@bp.post("/series/<slug>/enrolment-changes/<batch>/undo")
@allow(SIGNED_IN)
@scope("enrolments:write")
@bp.input(Nothing, arg_name="body")
@bp.output(EnrolmentChangeOut)
def undo_changes(slug: str, batch: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Enrols people who were withdrawn together again, while there are places, except those who were changed since.
    Accepting and rejecting cannot be undone. Repeating the call changes nothing."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    ENROLMENT_CHANGES.undo(series.id, batch, by=by, at=at)
    return ENROLMENT_CHANGES.get_details(series, batch, by=by, at=at)


@bp.get("/series/<slug>/seats")
@allow(Role.ADMINISTRATOR, Role.REPORTER)
@scope("enrolments:read")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(SeatsOut)
def list_seat_entries(slug: str, query: dict[str, Any]) -> ResponseReturnValue:
    """Says how the seats of a series stand, and lists the ledger of who got which seat when and why, oldest first."""
    by, limit = current_actor(), query["limit"]
    series = get_series(slug, by=by)
    lines = ledger_after(series, integer_cursor(query["cursor"]), limit=limit, by=by)
    page = envelope(lines, limit, lambda line: line.id)
    return {"series": series, "reserved": series.reserved, **page}


@bp.get("/series/<slug>/quotas")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
@scope("enrolments:read")
@bp.output(QuotasOut)
def get_quotas(slug: str) -> ResponseReturnValue:
    """Lists the quotas of countries in a series. Focal points see those of their own countries."""
    return _quotas(get_series(slug, by=current_actor()))


@bp.put("/series/<slug>/quotas")
@allow(Role.ADMINISTRATOR)
@scope("enrolments:write")
@bp.input(QuotasIn, arg_name="sent")
@bp.output(QuotasOut)
def put_quotas(slug: str, sent: dict[str, Any]) -> ResponseReturnValue:
    """Keeps seats of a series for countries: all that are sent, or none. A quota cannot be lower than what is taken of
    it, and all seats kept cannot be more than are free. The same call again changes nothing."""
    by, at = current_actor(), clock.now()
    rows = [
        (number, (one["country"], str(one["seats"]), one["kept_until"].isoformat()))
        for number, one in enumerate(sent["quotas"], start=1)
    ]
    set_quotas(slug, stage_quota_rows(rows, until=None, at=at), rule=sent.get("release_rule"), by=by, at=at)
    return _quotas(get_series(slug, by=by))


def _quotas(series: Series) -> dict[str, Any]:
    return {"release_rule": series.release_rule.value, "quotas": list_quotas(series, by=current_actor())}
