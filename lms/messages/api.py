"""API calls for messages to the people enrolled in a series."""

from dataclasses import dataclass
from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.roles import Role
from lms.core.time import clock
from lms.messages import actions, queries
from lms.messages.models import Message, MessageState
from lms.messages.rules import AudienceInput, MessageInput
from lms.messages.schemas import MessageIn, MessageOut, MessagesOut, SendIn
from lms.web.api.api import Nothing
from lms.web.api.idempotency import idempotent
from lms.web.request.guards import allow, scope
from lms.web.request.identity import current_actor

WRITERS = (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT)
bp = APIBlueprint("messages_api", __name__, url_prefix="/api/v1")


@dataclass(frozen=True)
class ShownMessage:
    """A message with what became of its e-mails. `readers`: null where they can no longer be chosen."""

    message: Message
    series: Series
    readers: int | None
    progress: queries.MessageProgress


def _shown(series: Series, row: Message) -> ShownMessage:
    is_draft = row.state is MessageState.DRAFT
    readers = _readers(series, queries.audience_input(row)) if is_draft else row.readers
    return ShownMessage(row, series, readers, queries.progress_of(row))


def _readers(series: Series, to: AudienceInput) -> int | None:
    try:
        return queries.count_readers(series, to, by=current_actor()).number
    except (Forbidden, Invalid, Refused):
        return None


def _read(slug: str, public_id: str) -> ShownMessage:
    series = queries.get_series_to_write(slug, by=current_actor())
    return _shown(series, queries.get_message(series, public_id, by=current_actor()))


@bp.get("/series/<slug>/messages")
@allow(*WRITERS)
@scope("messages:read")
@bp.output(MessagesOut)
def list_messages(slug: str) -> dict[str, Any]:
    """Lists the latest messages of a series, the newest first; for focal points, those that they wrote."""
    by = current_actor()
    series = queries.get_series_to_write(slug, by=by)
    return {"items": [_shown(series, row) for row in queries.list_messages(series, by=by)]}


@bp.post("/series/<slug>/messages")
@allow(*WRITERS)
@scope("messages:write")
@idempotent
@bp.input(MessageIn, arg_name="sent")
@bp.output(MessageOut, status_code=201)
def write_message(slug: str, sent: dict[str, Any]) -> Any:
    """Writes a draft. Nothing is sent until it is confirmed."""
    to = AudienceInput(sent["audience"], sent["lecture"], sent["country"], sent["search"])
    typed = MessageInput(to, sent["subject"], sent["text"])
    return _read(slug, actions.save_message(slug, None, typed, by=current_actor(), at=clock.now()))


@bp.get("/series/<slug>/messages/<message_id>")
@allow(*WRITERS)
@scope("messages:read")
@bp.output(MessageOut)
def get_message(slug: str, message_id: str) -> Any:
    """Returns a message with what became of its e-mails."""
    return _read(slug, message_id)


@bp.post("/series/<slug>/messages/<message_id>/send")
@allow(*WRITERS)
@scope("messages:write")
@bp.input(SendIn, arg_name="sent")
@bp.output(MessageOut)
def send_message(slug: str, message_id: str, sent: dict[str, int]) -> Any:
    """Sends a draft after a minute in which it can be stopped. Sent again, nothing changes."""
    actions.confirm_message(slug, message_id, sent["readers"], by=current_actor(), at=clock.now())
    return _read(slug, message_id)


@bp.post("/series/<slug>/messages/<message_id>/stop")
@allow(*WRITERS)
@scope("messages:write")
@bp.input(Nothing, arg_name="body")
@bp.output(MessageOut)
def stop_message(slug: str, message_id: str, body: dict[str, Any]) -> Any:  # noqa: ARG001
    """Keeps back all e-mails of a message that have not been sent."""
    actions.stop_message(slug, message_id, by=current_actor(), at=clock.now())
    return _read(slug, message_id)


@bp.delete("/series/<slug>/messages/<message_id>")
@allow(*WRITERS)
@scope("messages:write")
@bp.output({}, status_code=204)
def delete_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Deletes a draft."""
    actions.delete_draft(slug, message_id, by=current_actor())
    return "", 204
