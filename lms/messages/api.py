"""API calls for messages to the people enrolled in a series."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.core import clock
from lms.core.errors import Forbidden, Invalid, Refused
from lms.core.roles import Role
from lms.messages import actions, queries
from lms.messages.models import Message, MessageState
from lms.messages.rules import AudienceInput, MessageInput
from lms.messages.schemas import MessageIn, MessageOut, MessagesOut, SendIn
from lms.web.api import Nothing
from lms.web.guards import allow
from lms.web.idempotency import idempotent
from lms.web.identity import current_actor
from lms.web.scopes import scope

WRITERS = (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT)
bp = APIBlueprint(
    "messages_api",
    __name__,
    url_prefix="/api/v1",
    tag={"name": "Messages", "description": "E-mails to the people enrolled in a series."},
)


def message_object(series: Series, row: Message) -> dict[str, Any]:
    """A message as the API says it."""
    found = {name: getattr(row, name) for name in _SAME} | {"id": row.public_id, "series": series.slug}
    found |= {"lecture": row.lecture_id, "progress": queries.progress_of(row)}
    if row.state is MessageState.DRAFT:
        found["readers"] = _readers(series, queries.audience_input(row))
    return found


_SAME = (
    "audience",
    "country",
    "search",
    "subject",
    "text",
    "state",
    "readers",
    "confirmed_at",
    "starts_at",
    "ended_at",
)


def _readers(series: Series, to: AudienceInput) -> int | None:
    try:
        return queries.count_readers(series, to, by=current_actor()).number
    except (Forbidden, Invalid, Refused):
        return None


def _shown(slug: str, public_id: str) -> dict[str, Any]:
    series = queries.get_series_to_write(slug, by=current_actor())
    return message_object(series, queries.get_message(series, public_id, by=current_actor()))


@bp.get("/series/<slug>/messages")
@allow(*WRITERS)
@scope("messages:read")
@bp.output(MessagesOut)
def list_messages(slug: str) -> dict[str, Any]:
    """Lists the latest messages of a series, the newest first; for focal points, those that they wrote."""
    by = current_actor()
    series = queries.get_series_to_write(slug, by=by)
    return {"items": [message_object(series, row) for row in queries.list_messages(series, by=by)]}


@bp.post("/series/<slug>/messages")
@allow(*WRITERS)
@scope("messages:write")
@idempotent
@bp.input(MessageIn, arg_name="sent")
@bp.output(MessageOut, status_code=201)
def write_message(slug: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Writes a draft. Nothing is sent until it is confirmed."""
    to = AudienceInput(sent["audience"], sent["lecture"], sent["country"], sent["search"])
    typed = MessageInput(to, sent["subject"], sent["text"])
    return _shown(slug, actions.save_message(slug, None, typed, by=current_actor(), at=clock.now()))


@bp.get("/series/<slug>/messages/<message_id>")
@allow(*WRITERS)
@scope("messages:read")
@bp.output(MessageOut)
def get_message(slug: str, message_id: str) -> dict[str, Any]:
    """Returns a message with what became of its e-mails."""
    return _shown(slug, message_id)


@bp.post("/series/<slug>/messages/<message_id>/send")
@allow(*WRITERS)
@scope("messages:write")
@bp.input(SendIn, arg_name="sent")
@bp.output(MessageOut)
def send_message(slug: str, message_id: str, sent: dict[str, int]) -> dict[str, Any]:
    """Sends a draft after a minute in which it can be stopped. Sent again, nothing changes."""
    actions.confirm_message(slug, message_id, sent["readers"], by=current_actor(), at=clock.now())
    return _shown(slug, message_id)


@bp.post("/series/<slug>/messages/<message_id>/stop")
@allow(*WRITERS)
@scope("messages:write")
@bp.input(Nothing, arg_name="body")
@bp.output(MessageOut)
def stop_message(slug: str, message_id: str, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Keeps back all e-mails of a message that have not been sent."""
    actions.stop_message(slug, message_id, by=current_actor(), at=clock.now())
    return _shown(slug, message_id)


@bp.delete("/series/<slug>/messages/<message_id>")
@allow(*WRITERS)
@scope("messages:write")
@bp.output({}, status_code=204)
def delete_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Deletes a draft."""
    actions.delete_draft(slug, message_id, by=current_actor())
    return "", 204
