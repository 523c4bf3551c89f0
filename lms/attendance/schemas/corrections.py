"""Requests and responses of the API for corrections of many people together."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Dict, Enum, Integer, List, Nested, String
from apiflask.validators import Length, OneOf

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.schemas.roster import OUTCOMES
from lms.core.text.typed_text import REASON_LENGTH
from lms.web.api.api import AnswerSchema, Instant

MOST = 20_000
"""People that one call can list; a filter has no limit."""
STATES = ["previewed", "correcting", "stopped", "corrected", "undoing", "undo_stopped", "undone"]


class RosterFilterIn(Schema):
    """Part of a roster, as in `GET …/attendance`."""

    q = String(load_default="", validate=Length(max=200))
    outcome = Enum(Outcome, by_value=True, load_default=None, allow_none=True)
    country = String(load_default=None, allow_none=True, validate=Length(max=8))
    source = Enum(Source, by_value=True, load_default=None, allow_none=True)
    organisation = String(load_default=None, allow_none=True, validate=Length(max=200))


class BatchIn(Schema):
    """The outcome for several people: either `people` (their ids) or a `filter` of the roster. A null outcome removes
    their corrections.
    """

    outcome = Enum(Outcome, by_value=True, required=True, allow_none=True)
    people = List(String(validate=Length(max=32)), load_default=None, allow_none=True, validate=Length(max=MOST))
    filter = Nested(RosterFilterIn, load_default=None, allow_none=True)


class BatchConfirmIn(Schema):
    """The reason, which each person can see. Removing corrections needs none."""

    reason = String(load_default="", validate=Length(max=REASON_LENGTH))


class BatchMove(AnswerSchema):
    """A number of people now, and after the correction."""

    now = Integer()
    after = Integer()


class BatchChanges(AnswerSchema):
    """What a preview would change. `outcomes` has each outcome whose number changes; `attendances` and `participants`
    are added to the figures; `appeals` are the ids of open appeals that it accepts.
    """

    outcomes = Dict(keys=String(validate=OneOf(OUTCOMES)), values=Nested(BatchMove), attribute="totals")
    attendances = Integer()
    participants = Integer()
    appeals = List(String(), attribute="appeal_ids")


class BatchLeftOut(AnswerSchema):
    """Someone who was left out: `gone` from the roster, `stale` since changed after the preview, or `kept` since
    corrected again before the undo.
    """

    id = String(attribute="public_id")
    full_name = String()
    reason = String(attribute="state", validate=OneOf(["gone", "stale", "kept"]))


class BatchSummary(AnswerSchema):
    """A correction of several people. `people` were previewed, `unchanged` more already had the outcome."""

    id = String(attribute="batch.public_id")
    lecture = Integer(attribute="batch.lecture_id")
    state = String(validate=OneOf(STATES))
    outcome = String(attribute="batch.outcome", validate=OneOf(OUTCOMES), allow_none=True)
    reason = String(attribute="batch.reason")
    people = Integer(attribute="batch.size")
    unchanged = Integer(attribute="batch.same")
    corrected = Integer(attribute="changed")
    undone = Integer()
    made_at = Instant(attribute="batch.made_at")
    confirmed_at = Instant(attribute="batch.confirmed_at", allow_none=True)
    confirmed_by = String(allow_none=True)
    undone_at = Instant(attribute="batch.undone_at", allow_none=True)


class BatchOut(BatchSummary):
    """A correction of several people with details. `changes` is null once it is confirmed."""

    changes = Nested(BatchChanges, allow_none=True)
    left_out = List(Nested(BatchLeftOut))


class BatchesOut(AnswerSchema):
    """The corrections of several people in a lecture."""

    items = List(Nested(BatchSummary))
    next = String(allow_none=True)
