"""What is read of attendance: rosters, one's own attendance, what counts so far, outcomes in bulk."""

from __future__ import annotations

from datetime import datetime

from lms.attendance.queries import evidence
from lms.attendance.queries.appeals import (
    AppealView,
    OwnAppeals,
    appeal_states_of,
    count_open_appeals,
    get_appeal,
    get_appealable,
    list_appeals,
    list_open_appeals,
    own_appeals,
)
from lms.attendance.queries.appearances import has_claims
from lms.attendance.queries.closings import ClosingView, find_closing, get_closable, list_closings, view_of
from lms.attendance.queries.evidence import Span, span_of
from lms.attendance.queries.history import History, Step, get_history, own_history
from lms.attendance.queries.imports import kept_import
from lms.attendance.queries.mappings import columns_of
from lms.attendance.queries.persons import (
    PersonAttendance,
    attendance_of_person,
    export_of_person,
    outcomes_of_series,
)
from lms.attendance.queries.reckoning import held_lectures
from lms.attendance.queries.review import (
    ReviewPage,
    Strong,
    Unknown,
    find_people,
    get_unknown,
    list_strong,
    review_page,
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
from lms.attendance.queries.times import Proposal, TimesPreview, preview_times, propose_times
from lms.attendance.queries.weighing import PolicyPreview, Side, list_changes, preview_policy, sided
from lms.core import clock
from lms.core.memory import memory

VIEWERS_STAND = 5_000
"""So many milliseconds a count of who is in the room stands."""

__all__ = [
    "VIEWERS_STAND",
    "AppealView",
    "ClosingView",
    "History",
    "OwnAppeals",
    "PersonAttendance",
    "PolicyPreview",
    "Proposal",
    "ReviewPage",
    "RosterPage",
    "RosterRow",
    "RosterTotals",
    "Side",
    "Span",
    "Step",
    "Strong",
    "TimesPreview",
    "Unknown",
    "appeal_states_of",
    "attendance_of_person",
    "attended_rows",
    "columns_of",
    "count_open_appeals",
    "count_viewers",
    "counted_ms",
    "cursor_of",
    "export_of_person",
    "find_closing",
    "find_people",
    "get_appeal",
    "get_appealable",
    "get_closable",
    "get_editable_lecture",
    "get_history",
    "get_roster_page",
    "get_rostered_lecture",
    "get_row",
    "get_unknown",
    "has_claims",
    "held_lectures",
    "kept_import",
    "list_appeals",
    "list_changes",
    "list_closings",
    "list_open_appeals",
    "list_strong",
    "list_unmatched",
    "needed_percent",
    "outcomes_of_series",
    "own_appeals",
    "own_history",
    "presence_curve",
    "preview_policy",
    "preview_times",
    "propose_times",
    "read_tallies",
    "review_page",
    "roster",
    "roster_totals",
    "sided",
    "span_of",
    "view_of",
    "walk_ins_of",
]


def counted_ms(lecture_id: int, person_id: int, at: datetime) -> int:
    """Milliseconds of a lecture that count for a person so far."""
    return evidence.counted_ms(lecture_id, person_id, clock.to_ms(at))


def count_viewers(lecture_id: int, at: datetime) -> int:
    """How many people are in the room: counted at most every `VIEWERS_STAND` in each process, shared by all who look.

    Thousands of pages ask every few seconds, and each count looks through the beats of them all.
    """
    kept, now = memory("viewers"), clock.to_ms(at)
    entry: tuple[int, int] | None = kept.get(lecture_id)
    if entry is not None and 0 <= now - entry[0] < VIEWERS_STAND:
        return entry[1]
    if entry is not None and now >= entry[0]:
        kept[lecture_id] = now, entry[1]  # who asks while this one counts is told what stood
    try:
        counted = evidence.viewers(lecture_id, now)
    except BaseException:
        kept.pop(lecture_id, None)
        raise
    kept[lecture_id] = now, counted
    return counted
