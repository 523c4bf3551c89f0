"""Requests and responses of the attendance API."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import AwareDateTime, Boolean, Dict, Enum, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf

from lms.attendance.appealing import NAME_LENGTH
from lms.attendance.models.appeals import AppealState
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.queries.appeals import AppealView
from lms.attendance.queries.closings import ClosingView
from lms.attendance.queries.roster import RosterRow
from lms.attendance.rules import REASON_LENGTH
from lms.core import clock
from lms.core.i18n import _l
from lms.core.roles import Actor
from lms.web.api import AnswerSchema, PageQuery, rfc3339

SOURCES = [source.value for source in Source]
OUTCOMES = [outcome.value for outcome in Outcome]
_AWARE = {"invalid_awareness": _l("Enter a time with an offset, such as 2026-12-02T06:00:00Z.")}


class RosterQuery(PageQuery):
    """`q` searches names, organisations and e-mail addresses."""

    q = String(load_default=None, validate=Length(max=200))


class PersonOut(AnswerSchema):
    """The person in a row. Name and country are null for instructors until the person accepts."""

    id = String()
    email = String(allow_none=True)
    full_name = String(allow_none=True)
    country = String(allow_none=True)


class IntervalOut(AnswerSchema):
    """Presence within the lecture, combined for each source."""

    joined_at = String()
    left_at = String()
    source = String(validate=OneOf(SOURCES))


class CorrectionOut(AnswerSchema):
    """The current correction."""

    outcome = String(validate=OneOf(OUTCOMES))
    reason = String()
    by = String(allow_none=True)
    at = String()


class AttendanceRow(AnswerSchema):
    """The attendance of one person in one lecture. `minutes` and `percent` are rounded down to one decimal."""

    person = Nested(PersonOut)
    minutes = Float()
    percent = Float()
    outcome = String(validate=OneOf(OUTCOMES))
    sources = List(String(validate=OneOf(SOURCES)))
    intervals = List(Nested(IntervalOut))
    explanation = String()
    counted = Boolean()
    correction = Nested(CorrectionOut, allow_none=True)


class AttendanceRows(AnswerSchema):
    """A page of the roster."""

    items = List(Nested(AttendanceRow))
    next = String(allow_none=True)


class CorrectionIn(Schema):
    """A corrected outcome with its reason. A null outcome removes the correction."""

    outcome = Enum(Outcome, by_value=True, required=True, allow_none=True)
    reason = String(load_default="", validate=Length(max=REASON_LENGTH))


class AppealIn(Schema):
    """What a person states about their attendance: times (both or neither), the name used, or a description."""

    there_from = AwareDateTime(load_default=None, allow_none=True, error_messages=_AWARE)
    there_to = AwareDateTime(load_default=None, allow_none=True, error_messages=_AWARE)
    joined_as = String(load_default="", validate=Length(max=NAME_LENGTH))
    text = String(load_default="", validate=Length(max=REASON_LENGTH))


class AppealPerson(AnswerSchema):
    """The person who submitted the appeal."""

    id = String()
    full_name = String()


class AppealOut(AnswerSchema):
    """An appeal. `answered_by` and `outcome` (the corrected outcome) are null while it is open."""

    id = String()
    lecture = Integer()
    person = Nested(AppealPerson)
    filed_at = String()
    there_from = String(allow_none=True)
    there_to = String(allow_none=True)
    joined_as = String()
    text = String()
    state = String(validate=OneOf([state.value for state in AppealState]))
    ended_at = String(allow_none=True)
    answer = String()
    answered_by = String(allow_none=True)
    outcome = String(validate=OneOf(OUTCOMES), allow_none=True)


class AppealsOut(AnswerSchema):
    """A page of appeals."""

    items = List(Nested(AppealOut))
    next = String(allow_none=True)


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

    closed_at = String()
    closed_by = String(allow_none=True)
    figures = Dict(keys=String(), values=Integer())
    reopened_at = String(allow_none=True)
    reopened_by = String(allow_none=True)
    reason = String(allow_none=True)


class ClosingsOut(AnswerSchema):
    """All closings of a lecture, latest first."""

    items = List(Nested(ClosingOut))
    next = String(allow_none=True)


def row_json(row: RosterRow) -> dict[str, Any]:
    """Serializes an attendance row."""
    by_hand = row.correction
    return {
        "person": {
            "id": row.public_id,
            "email": row.email,
            "full_name": None if row.is_hidden else row.full_name,
            "country": row.country,
        },
        "minutes": row.minutes,
        "percent": row.percent,
        "outcome": row.outcome.value,
        "sources": [source.value for source in row.sources],
        "intervals": [
            {
                "joined_at": rfc3339(clock.from_ms(joined)),
                "left_at": rfc3339(clock.from_ms(left)),
                "source": source.value,
            }
            for joined, left, source in row.intervals
        ],
        "explanation": row.explanation,
        "counted": row.is_counted,
        "correction": None
        if by_hand is None
        else {
            "outcome": by_hand.outcome.value,
            "reason": by_hand.reason,
            "by": by_hand.by,
            "at": rfc3339(by_hand.at),
        },
    }


def appeal_json(view: AppealView, by: Actor) -> dict[str, Any]:
    """Serializes an appeal. The person who submitted it does not see who answered."""
    appeal = view.appeal
    is_own = view.person_id == by.person_id and not by.is_administrator
    return {
        "id": appeal.public_id,
        "lecture": appeal.lecture_id,
        "person": {"id": view.person, "full_name": view.full_name},
        "filed_at": rfc3339(appeal.filed_at),
        "there_from": rfc3339(appeal.said_from),
        "there_to": rfc3339(appeal.said_to),
        "joined_as": appeal.joined_as,
        "text": appeal.text,
        "state": appeal.state.value,
        "ended_at": rfc3339(appeal.ended_at),
        "answer": appeal.answer,
        "answered_by": None if is_own else view.answered_by,
        "outcome": view.outcome.value if view.outcome is not None else None,
    }


def closing_json(view: ClosingView) -> dict[str, Any]:
    """Serializes a closing."""
    return {
        "closed_at": rfc3339(view.closed_at),
        "closed_by": view.closed_by,
        "figures": view.figures,
        "reopened_at": rfc3339(view.reopened_at),
        "reopened_by": view.reopened_by,
        "reason": view.reason,
    }
