"""API schemas of the room."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Integer, String
from apiflask.validators import Length

from lms.web.api.api import AnswerSchema


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
