"""What the API of attendance takes and answers."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Enum, File, Float, List, Nested, String
from apiflask.validators import Length, OneOf

from lms.attendance.models import Outcome, Source
from lms.attendance.queries import RosterRow
from lms.attendance.rules import REASON_LENGTH
from lms.core import clock
from lms.web.api import PageQuery, rfc3339

SOURCES = [source.value for source in Source]
OUTCOMES = [outcome.value for outcome in Outcome]


class RosterQuery(PageQuery):
    """`q` looks in names, organisations and addresses."""

    q = String(load_default=None, validate=Length(max=200))


class PersonOut(Schema):
    """Who a row speaks of."""

    id = String()
    email = String(allow_none=True)
    full_name = String()
    country = String(allow_none=True)


class IntervalOut(Schema):
    """Presence, clipped to the lecture and united within its source."""

    joined_at = String()
    left_at = String()
    source = String(validate=OneOf(SOURCES))


class CorrectionOut(Schema):
    """A correction that holds."""

    outcome = String(validate=OneOf(OUTCOMES))
    reason = String()
    by = String(allow_none=True)
    at = String()


class AttendanceRow(Schema):
    """One person in one lecture. `minutes` and `percent` have one decimal, rounded down."""

    person = Nested(PersonOut)
    minutes = Float()
    percent = Float()
    outcome = String(validate=OneOf(OUTCOMES))
    sources = List(String(validate=OneOf(SOURCES)))
    intervals = List(Nested(IntervalOut))
    explanation = String()
    counted = Boolean()
    correction = Nested(CorrectionOut, allow_none=True)


class AttendanceRows(Schema):
    """A page of the roster."""

    items = List(Nested(AttendanceRow))
    next = String(allow_none=True)


class CorrectionIn(Schema):
    """The outcome set by hand, and why; an outcome of null withdraws it."""

    outcome = Enum(Outcome, by_value=True, required=True, allow_none=True)
    reason = String(load_default="", validate=Length(max=REASON_LENGTH))


class ReportIn(Schema):
    """A file of attendance and how it is to be read."""

    file = File(required=True)  # type: ignore[no-untyped-call]
    format = String(load_default="auto")
    time_zone = String(load_default=None, allow_none=True)
    date_order = String(load_default=None, allow_none=True)
    skip_bad_rows = Boolean(load_default=False)


def row_json(row: RosterRow) -> dict[str, Any]:
    """An attendance row as the API shows it."""
    by_hand = row.correction
    return {
        "person": {
            "id": row.public_id,
            "email": row.email,
            "full_name": row.full_name,
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
