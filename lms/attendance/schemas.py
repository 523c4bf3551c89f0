"""Requests and responses of the attendance API."""

from apiflask import Schema
from apiflask.fields import AwareDateTime, Boolean, Dict, Enum, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf

from lms.attendance.appeal_rules import NAME_LENGTH
from lms.attendance.models.appeals import AppealState
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.queries.roster_query import RosterFilter
from lms.core.text.i18n import _l
from lms.core.text.typed_text import REASON_LENGTH
from lms.web.api.api import AnswerSchema, Instant, NestedFields, PageQuery, page_of
from lms.web.api.inputs import with_fields_of

SOURCES = [source.value for source in Source]
OUTCOMES = [outcome.value for outcome in Outcome]
_AWARE = {"invalid_awareness": _l("Enter a time with an offset, such as 2026-12-02T06:00:00Z.")}


@with_fields_of(RosterFilter, omit={"is_invited"}, defaults=True)
class RosterQuery(PageQuery):
    """Filters the roster. `q` searches names, organisations and e-mail addresses. `outcome` has no effect until the
    lecture has been held; `country` is the code of the country on the day of the lecture.
    """

    q = String(load_default=None, validate=Length(max=200))


class PersonOut(AnswerSchema):
    """The person in a row. Name and country are null for instructors until the person accepts."""

    id = String(attribute="public_id")
    email = String(allow_none=True)
    full_name = String(attribute="shown_name", allow_none=True)
    country = String(allow_none=True)


class IntervalOut(AnswerSchema):
    """Presence within the lecture, combined for each source."""

    joined_at = Instant(attribute="joined_ms")
    left_at = Instant(attribute="left_ms")
    source = String(validate=OneOf(SOURCES))


class CorrectionOut(AnswerSchema):
    """The current correction."""

    outcome = String(validate=OneOf(OUTCOMES))
    reason = String()
    by = String(allow_none=True)
    at = Instant()


class AttendanceRow(AnswerSchema):
    """The attendance of one person in one lecture. `minutes` and `percent` are rounded down to one decimal.

    `invited`: the person has not accepted the place that staff of the series gave, and was not seen. The outcome is
    then *absent*, but pages, e-mails and totals do not count it as one."""

    person = NestedFields(PersonOut)
    minutes = Float()
    percent = Float()
    outcome = String(validate=OneOf(OUTCOMES))
    sources = List(String(validate=OneOf(SOURCES)))
    intervals = List(Nested(IntervalOut))
    explanation = String()
    counted = Boolean(attribute="is_counted")
    invited = Boolean(attribute="is_invited")
    correction = Nested(CorrectionOut, allow_none=True)


AttendanceRows = page_of(AttendanceRow, "AttendanceRows")
"""A page of the roster."""


class CorrectionIn(Schema):
    """A corrected outcome with its reason. A null outcome removes the correction."""

    outcome = Enum(Outcome, by_value=True, required=True, allow_none=True)
    reason = String(load_default="", validate=Length(max=REASON_LENGTH))


class AppealIn(Schema):
    """A person's statement about their attendance: times (both or neither), the name used, or a description."""

    there_from = AwareDateTime(load_default=None, allow_none=True, error_messages=_AWARE)
    there_to = AwareDateTime(load_default=None, allow_none=True, error_messages=_AWARE)
    joined_as = String(load_default="", validate=Length(max=NAME_LENGTH))
    text = String(load_default="", validate=Length(max=REASON_LENGTH))


class AppealPerson(AnswerSchema):
    """The person who submitted the appeal."""

    id = String(attribute="person")
    full_name = String()


class AppealOut(AnswerSchema):
    """An appeal. `answered_by` and `outcome` (the corrected outcome) are null while it is open."""

    id = String(attribute="appeal.public_id")
    lecture = Integer(attribute="appeal.lecture_id")
    person = NestedFields(AppealPerson)
    filed_at = Instant(attribute="appeal.filed_at")
    there_from = Instant(attribute="appeal.said_from", allow_none=True)
    there_to = Instant(attribute="appeal.said_to", allow_none=True)
    joined_as = String(attribute="appeal.joined_as")
    text = String(attribute="appeal.text")
    state = String(attribute="appeal.state", validate=OneOf([state.value for state in AppealState]))
    ended_at = Instant(attribute="appeal.ended_at", allow_none=True)
    answer = String(attribute="appeal.answer")
    answered_by = String(allow_none=True)
    outcome = String(validate=OneOf(OUTCOMES), allow_none=True)


AppealsOut = page_of(AppealOut, "AppealsOut")
"""A page of appeals."""


class AppealsQuery(PageQuery):
    """Filters appeals by state. Open appeals are listed oldest first, others newest first."""

    state = Enum(AppealState, by_value=True, load_default=None)


class AnswerIn(Schema):
    """The answer to an appeal. When it is accepted, `outcome` becomes a correction with `words` as its reason; a null
    outcome sets no correction.
    """

    decision = String(required=True, validate=OneOf([AppealState.ACCEPTED.value, AppealState.DECLINED.value]))
    outcome = Enum(Outcome, by_value=True, load_default=Outcome.ATTENDED, allow_none=True)
    words = String(load_default="", validate=Length(max=REASON_LENGTH))


class ReopenIn(Schema):
    """The reason for reopening attendance."""

    reason = String(load_default="", validate=Length(max=REASON_LENGTH))


class ClosingOut(AnswerSchema):
    """One closing of attendance, with its figures. It is in effect while `reopened_at` is null."""

    closed_at = Instant()
    closed_by = String(allow_none=True)
    figures = Dict(keys=String(), values=Integer())
    reopened_at = Instant(allow_none=True)
    reopened_by = String(allow_none=True)
    reason = String(allow_none=True)


ClosingsOut = page_of(ClosingOut, "ClosingsOut")
"""All closings of a lecture, latest first."""


MOST = 20_000
"""People that one call can list; a filter has no limit."""
STATES = ["previewed", "correcting", "stopped", "corrected", "undoing", "undo_stopped", "undone"]


@with_fields_of(RosterFilter, omit={"is_invited"}, defaults=True, described=False)
class RosterFilterIn(Schema):
    """Part of a roster, as in `GET …/attendance`."""


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
    """The changes that a preview announces. `outcomes` has each outcome whose number changes; `attendances` and
    `participants` are added to the figures; `appeals` are the ids of open appeals that it accepts.
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


BatchesOut = page_of(BatchSummary, "BatchesOut")
"""The corrections of several people in a lecture."""
