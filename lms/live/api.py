"""Taking part without a browser: join, then say from time to time that one is there."""

from __future__ import annotations

import json
from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from lms.attendance.actions import keep_beat
from lms.core import clock
from lms.core.errors import Fault, Invalid
from lms.core.words import _
from lms.live.actions import join_lecture
from lms.live.schemas import JoinIn, JoinOut
from lms.live.tokens import make_token, read_token
from lms.web.api import consumes
from lms.web.bodies import body_limit
from lms.web.document import takes
from lms.web.guards import ANYONE, SIGNED_IN, allow
from lms.web.identity import Unauthenticated, current_actor
from lms.web.problems import problem
from lms.web.repeats import idempotent
from lms.web.scopes import scope

bp = APIBlueprint(
    "live_api",
    __name__,
    url_prefix="/api/v1",
    tag={"name": "Taking part", "description": "Joining a live lecture and staying in it."},
)

MAX_BEAT = 100
MAX_SEQ = 2**31 - 1
BEAT = {
    "type": "object",
    "required": ["room_token", "seq"],
    "additionalProperties": False,
    "properties": {
        "room_token": {"type": "string", "description": "As `join` gave it."},
        "seq": {"type": "integer", "minimum": 0, "maximum": MAX_SEQ, "description": "Grows with each heartbeat."},
    },
}


@bp.post("/lectures/<int:lecture_id>/join")
@allow(SIGNED_IN)
@scope("presence:write")
@idempotent
@bp.input(JoinIn, arg_name="wish")
@bp.output(JoinOut)
def join(lecture_id: int, wish: dict[str, Any]) -> dict[str, Any]:
    """Takes part: answers the room token, how often to send it, and the address of the meeting."""
    joined = join_lecture(
        lecture_id,
        email=wish["email"],
        is_demonstration=current_app.extensions["lms.config"].is_demonstration,
        by=current_actor(),
        at=clock.now(),
    )
    return {
        "room_token": make_token(current_app.config["SECRET_KEY"], joined.join_id),
        "beat_seconds": joined.beat_seconds,
        "join_url": joined.join_url,
    }


@bp.post("/lectures/<int:lecture_id>/presence")
@allow(ANYONE)
@body_limit(MAX_BEAT)
@consumes("text/plain")
@takes(json=BEAT, text={"type": "string", "description": "The same JSON, as `sendBeacon` sends it."})
@bp.doc(responses={204: "Kept, once the answer is there.", 401: "Not a room token.", 413: "More than 100 bytes."})
def presence(lecture_id: int) -> ResponseReturnValue:
    """A heartbeat `{room_token, seq}`, in at most 100 bytes; `text/plain` is taken too, for `sendBeacon`."""
    at = clock.now()
    try:
        beat = json.loads(request.get_data())
    except ValueError:
        return problem(400, _("The body is not a JSON object."))
    if not isinstance(beat, dict):
        return problem(400, _("The body is not a JSON object."))
    token, seq = _checked(beat)
    join_id = read_token([current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]], token)
    if join_id is None:
        raise Unauthenticated
    keep_beat(join_id, seq, lecture_id=lecture_id, at=at)
    return Response(status=204)


def _checked(beat: dict[str, Any]) -> tuple[str, int]:
    faults = [Fault(field=str(name), reason=_("Unknown field.")) for name in beat if name not in {"room_token", "seq"}]
    token, seq = beat.get("room_token"), beat.get("seq")
    if not isinstance(token, str):
        faults.append(Fault(field="room_token", reason=_("The token of the join is missing.")))
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_SEQ:
        faults.append(Fault(field="seq", reason=_("A whole number from 0 that grows with each heartbeat.")))
    if faults:
        raise Invalid(faults=faults)
    return str(token), int(seq or 0)
