"""Taking part without a browser: join, then report from time to time that one is there."""

import json
from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, String
from apiflask.validators import Length
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from lms.attendance.actions.room import keep_beat, keep_offline_beats
from lms.core.base.errors import Fault, Invalid
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.live.actions import join_lecture
from lms.live.tokens import make_mark, make_token, read_mark, read_token
from lms.web.api.api import AnswerSchema, consumes
from lms.web.api.idempotency import idempotent
from lms.web.api.openapi import takes
from lms.web.pages.problems import problem
from lms.web.request.bodies import body_limit
from lms.web.request.guards import ANYONE, SIGNED_IN, allow, scope
from lms.web.request.identity import Unauthenticated, current_actor


class JoinIn(Schema):
    """`email`: another person, by an administrator in a demonstration."""

    email = String(load_default=None, allow_none=True, validate=Length(max=320))


class JoinOut(AnswerSchema):
    """The answer of `join`, which the room page uses too."""

    room_token = String()
    beat_seconds = Integer()
    join_url = String(allow_none=True)


class KeptOut(AnswerSchema):
    """How many of the kept heartbeats can be proven, and count."""

    counted = Integer()


bp = APIBlueprint("live_api", __name__, url_prefix="/api/v1")

MAX_BEAT = 100
MAX_SEQ = 2**31 - 1
BEAT = {
    "type": "object",
    "required": ["room_token", "seq"],
    "additionalProperties": False,
    "properties": {
        "room_token": {"type": "string", "description": "The token returned by `join`."},
        "seq": {"type": "integer", "minimum": 0, "maximum": MAX_SEQ, "description": "Increases with each heartbeat."},
    },
}
MARK = "Presence-Mark"
MOST_KEPT = 100
MAX_KEPT = 4000
KEPT_FIELDS = ("room_token", "mark", "beats")
KEPT = {
    "type": "object",
    "required": list(KEPT_FIELDS),
    "additionalProperties": False,
    "properties": {
        "room_token": {"type": "string", "description": "The token returned by `join`."},
        "mark": {"type": "string", "description": f"The `{MARK}` from the last answered heartbeat."},
        "beats": {
            "type": "array",
            "maxItems": MOST_KEPT,
            "description": "For each kept heartbeat: its `seq`, and the milliseconds since the mark was received.",
            "items": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "items": {"type": "integer", "minimum": 0, "maximum": MAX_SEQ},
            },
        },
    },
}


@bp.post("/lectures/<int:lecture_id>/join")
@allow(SIGNED_IN)
@scope("presence:write")
@idempotent
@bp.input(JoinIn, arg_name="wish")
@bp.output(JoinOut)
def join(lecture_id: int, wish: dict[str, Any]) -> dict[str, Any]:
    """Joins a lecture. Returns the room token, how often to send it, and the meeting link."""
    joined = join_lecture(
        lecture_id,
        email=wish["email"],
        is_demonstration=settings().is_demonstration,
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
@bp.doc(
    responses={
        204: f"Kept, once the answer is there. Its header `{MARK}` proves when the server last heard of this join.",
        401: "The room token is not valid.",
        413: "More than 100 bytes.",
    }
)
def presence(lecture_id: int) -> ResponseReturnValue:
    """Records a heartbeat `{room_token, seq}` of at most 100 bytes. Also accepts `text/plain`, for `sendBeacon`."""
    at = clock.now()
    beat = _sent()
    if beat is None:
        return problem(400, _("The body is not a JSON object."))
    token, seq = _checked(beat)
    join_id = _join_of(token)
    keep_beat(join_id, seq, lecture_id=lecture_id, at=at)
    mark = make_mark(current_app.config["SECRET_KEY"], join_id, clock.to_ms(at))
    return Response(status=204, headers={MARK: mark})


@bp.post("/lectures/<int:lecture_id>/presence/kept")
@allow(ANYONE)
@body_limit(MAX_KEPT)
@consumes("text/plain")
@takes(json=KEPT, text={"type": "string", "description": "The same JSON."})
@bp.output(KeptOut)
@bp.doc(
    responses={401: "The room token is not valid.", 409: "Attendance is closed.", 413: f"More than {MAX_KEPT} bytes."}
)
def presence_kept(lecture_id: int) -> ResponseReturnValue:
    """Records heartbeats kept while offline `{room_token, mark, beats}`, up to 30 minutes after the mark."""
    at = clock.now()
    sent = _sent()
    if sent is None:
        return problem(400, _("The body is not a JSON object."))
    token, mark, beats = _checked_kept(sent)
    join_id = _join_of(token)
    proven = read_mark(_secrets(), mark)
    if proven is None or proven[0] != join_id:
        raise Invalid("mark", _("This mark does not belong to an answer to a heartbeat of this join."))
    counted = keep_offline_beats(join_id, beats, mark_ms=proven[1], lecture_id=lecture_id, at=at)
    return {"counted": counted}


def _sent() -> dict[str, Any] | None:
    """The JSON object of the body; None for anything else."""
    try:
        payload = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _secrets() -> list[str]:
    return [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]


def _join_of(token: str) -> int:
    join_id = read_token(_secrets(), token)
    if join_id is None:
        raise Unauthenticated
    return join_id


def _checked_kept(sent: dict[str, Any]) -> tuple[str, str, list[tuple[int, int]]]:
    faults = [Fault(field=str(name), reason=_("Unknown field.")) for name in sent if name not in KEPT_FIELDS]
    token, mark, beats = sent.get("room_token"), sent.get("mark"), sent.get("beats")
    if not isinstance(token, str):
        faults.append(Fault(field="room_token", reason=_("The room token is missing.")))
    if not isinstance(mark, str):
        faults.append(Fault(field="mark", reason=_("The mark from the last answer is missing.")))
    if not isinstance(beats, list) or len(beats) > MOST_KEPT or not all(_is_kept(one) for one in beats):
        faults.append(
            Fault(field="beats", reason=_("Use at most %(n)s pairs of whole numbers, 0 or greater.", n=MOST_KEPT))
        )
    if faults:
        raise Invalid(faults=faults)
    return str(token), str(mark), [(seq, elapsed) for seq, elapsed in beats or ()]


def _is_kept(interval: object) -> bool:
    return (
        isinstance(interval, list)
        and len(interval) == 2
        and all(type(n) is int and 0 <= n <= MAX_SEQ for n in interval)
    )


def _checked(beat: dict[str, Any]) -> tuple[str, int]:
    faults = [Fault(field=str(name), reason=_("Unknown field.")) for name in beat if name not in {"room_token", "seq"}]
    token, seq = beat.get("room_token"), beat.get("seq")
    if not isinstance(token, str):
        faults.append(Fault(field="room_token", reason=_("The room token is missing.")))
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_SEQ:
        faults.append(
            Fault(field="seq", reason=_("Use a whole number, 0 or greater, that increases with each heartbeat."))
        )
    if faults:
        raise Invalid(faults=faults)
    return str(token), int(seq or 0)
