"""Requests and responses of the attendance imports API."""

import json
from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, File, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf
from marshmallow import ValidationError

from lms.attendance.models.evidence import MatchMethod
from lms.attendance_imports.readers.mapping import FIELDS
from lms.core.text.i18n import _
from lms.web.api.api import AnswerSchema, Instant, PageQuery, page_of


class Meanings(String):
    """A JSON object of strings, given as text in a form field."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        text = super()._deserialize(value, attr, data, **more)
        try:
            meanings = json.loads(text or "{}")
        except ValueError:
            meanings = None
        if not isinstance(meanings, dict) or not all(isinstance(one, str) for one in meanings.values()):
            raise ValidationError(_('Use a JSON object such as {"Correo": "email"}.'))
        return meanings


class UnknownQuery(PageQuery):
    """`state` is open (to resolve) or decided; `q` searches names and e-mail addresses as given in the reports."""

    state = String(load_default="open", validate=OneOf(["open", "decided"]))
    q = String(load_default="", validate=Length(max=200))


class CandidateOut(AnswerSchema):
    """A candidate with a score from 0 to 100 (100: same full name) and the reasons for it."""

    person = String(attribute="known.public_id")
    full_name = String(attribute="known.full_name")
    score = Integer()
    reasons = List(String())


class StayOut(AnswerSchema):
    """One row of evidence. `system` is the format of the report."""

    id = String(attribute="evidence")
    joined_at = Instant(attribute="joined_ms")
    left_at = Instant(attribute="left_ms")
    system = String(allow_none=True)


class LinkedPersonOut(AnswerSchema):
    """The person that an attendee was linked to."""

    id = String(attribute="public_id")
    email = String(allow_none=True)
    full_name = String(allow_none=True)
    country = String(allow_none=True)


class UnknownOut(AnswerSchema):
    """An unmatched attendee in one lecture. Send `version` back when you resolve it."""

    id = Integer()
    version = Integer()
    name = String(allow_none=True)
    email = String(allow_none=True)
    minutes = Float()
    lectures = Integer()
    stays = List(Nested(StayOut))
    candidates = List(Nested(CandidateOut))
    decision = String(
        attribute="how",
        validate=OneOf([how.value for how in MatchMethod if how is not MatchMethod.UNDONE]),
        allow_none=True,
    )
    person = Nested(LinkedPersonOut, allow_none=True)
    decided_by = String(allow_none=True)
    decided_at = Instant(allow_none=True)


UnknownsOut = page_of(UnknownOut, "UnknownsOut")
"""A page of unmatched attendees."""


class DecisionIn(Schema):
    """The person's id, or null if not a participant. `rows` (ids of stays) limits the decision to these rows; otherwise
    it applies throughout the series.
    """

    person = String(required=True, allow_none=True, validate=Length(max=64))
    version = Integer(required=True, strict=True)
    rows = List(String(validate=Length(max=64)), load_default=None, allow_none=True)


class UndoIn(Schema):
    """The version of the resolution to undo."""

    version = Integer(required=True, strict=True)


class ReportIn(Schema):
    """An attendance report and how to read it."""

    file = File(required=True)  # type: ignore[no-untyped-call]
    format = String(load_default="auto")
    time_zone = String(load_default=None, allow_none=True)
    date_order = String(load_default=None, allow_none=True)
    sums = String(
        load_default="",
        metadata={"description": "How to read several durations of one person without times: add or largest."},
    )
    mapping = Meanings(
        load_default=None,
        allow_none=True,
        metadata={"description": f"JSON: heading → one of {', '.join(FIELDS)}, for tables whose headings are unknown."},
    )
    skip_bad_rows = Boolean(load_default=False)
