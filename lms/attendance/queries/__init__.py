"""What is read of attendance: rosters, one's own attendance, what counts so far, outcomes in bulk."""

from __future__ import annotations

from datetime import datetime

from lms.attendance.queries import evidence
from lms.attendance.queries.evidence import Span, span_of
from lms.attendance.queries.imports import kept_import
from lms.attendance.queries.persons import (
    PersonAttendance,
    attendance_of_person,
    export_of_person,
    outcomes_of_series,
)
from lms.attendance.queries.roster import (
    RosterPage,
    RosterRow,
    RosterTotals,
    cursor_of,
    get_editable_lecture,
    get_roster_page,
    get_rostered_lecture,
    get_row,
    list_unmatched,
    needed_percent,
    presence_curve,
    roster,
    roster_totals,
    walk_ins_of,
)
from lms.attendance.queries.tallies import attended_rows, read_tallies
from lms.core import clock

__all__ = [
    "PersonAttendance",
    "RosterPage",
    "RosterRow",
    "RosterTotals",
    "Span",
    "attendance_of_person",
    "attended_rows",
    "count_viewers",
    "counted_ms",
    "cursor_of",
    "export_of_person",
    "get_editable_lecture",
    "get_roster_page",
    "get_rostered_lecture",
    "get_row",
    "kept_import",
    "list_unmatched",
    "needed_percent",
    "outcomes_of_series",
    "presence_curve",
    "read_tallies",
    "roster",
    "roster_totals",
    "span_of",
    "walk_ins_of",
]


def counted_ms(lecture_id: int, person_id: int, at: datetime) -> int:
    """Milliseconds of a lecture that count for a person so far."""
    return evidence.counted_ms(lecture_id, person_id, clock.to_ms(at))


def count_viewers(lecture_id: int, at: datetime) -> int:
    """How many people are in the room."""
    return evidence.viewers(lecture_id, clock.to_ms(at))
