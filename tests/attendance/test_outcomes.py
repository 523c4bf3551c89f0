"""What presence amounts to: the outcome, its source, and whether a credit is written."""

from __future__ import annotations

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.outcomes import AttendanceOutcome, ComputedOutcome, compute_outcome
from lms.attendance.presence import OFFLINE, PresenceInterval, Span, offline_ms
from tests.rows import each_row

LIVE, REPORT, GROUP, REPLAY = Source.LIVE, Source.IMPORT, Source.GROUP, Source.REPLAY


def computed(
    *seen: tuple[int, int, Source], is_counted: bool = True, by_hand: Outcome | None = None
) -> ComputedOutcome:
    """Of a lecture of 100 milliseconds that asks for 60 of them."""
    presence = [PresenceInterval(*one) for one in seen]
    return compute_outcome(presence, span=Span(0, 100, 100), min_percent=60, is_counted=is_counted, by_hand=by_hand)


def test_two_devices_count_once_and_are_clipped_to_the_lecture() -> None:
    found = computed((-10, 30, LIVE), (20, 50, LIVE), (40, 45, REPORT), (90, 200, REPORT))
    assert found == ComputedOutcome(60, 600, Outcome.ATTENDED, LIVE, rejoins=1, is_credited=True, needed_ms=60)


def test_the_replay_counts_only_where_it_is_needed() -> None:
    assert computed((0, 70, LIVE), (0, 100, REPLAY)).present_ms == 70
    found = computed((0, 9, LIVE), (5, 95, REPLAY))
    assert (found.present_ms, found.source) == (95, REPLAY)
    assert computed((0, 9, GROUP)).source is GROUP


def test_time_that_only_a_page_without_a_connection_noted_is_counted_apart() -> None:
    presence = [
        PresenceInterval(0, 50, LIVE),
        PresenceInterval(40, 70, LIVE, OFFLINE),
        PresenceInterval(80, 90, REPLAY),
    ]
    assert offline_ms(presence, Span(0, 100, 100)) == 20
    assert offline_ms(presence[:1], Span(0, 100, 100)) == 0


def test_the_source_is_the_group_where_the_outcome_is_owed_to_it() -> None:
    group = (0, 90, GROUP)
    assert computed(group, (0, 9, LIVE)).source is GROUP
    assert computed(group, (0, 60, LIVE)).source is LIVE
    assert computed(group, (0, 60, REPORT)).source is LIVE
    # in the room before it began only: nothing of that counts
    assert computed(group, (-50, -1, LIVE)).source is GROUP
    # partial either way
    assert computed((0, 30, GROUP), (0, 9, LIVE)).source is LIVE
    assert computed((0, 30, GROUP), (0, 90, REPLAY)).source is REPLAY


@each_row(
    "seen, is_counted, by_hand, expected",
    [
        ([(0, 70, LIVE)], True, None, (Outcome.ATTENDED, LIVE, True)),
        ([(0, 70, LIVE)], False, None, (Outcome.ABSENT, LIVE, False)),
        ([(0, 70, LIVE)], False, Outcome.PARTIAL, (Outcome.PARTIAL, LIVE, True)),
        ([(200, 270, LIVE)], True, None, (Outcome.ABSENT, LIVE, False)),
        ([], True, None, (Outcome.ABSENT, LIVE, False)),
        ([], True, Outcome.EXCUSED, (Outcome.EXCUSED, Source.MANUAL, True)),
    ],
)
def test_a_correction_wins_and_presence_that_is_not_counted_gives_no_credit(
    seen: list[tuple[int, int, Source]], is_counted: bool, by_hand: Outcome | None, expected: tuple[object, ...]
) -> None:
    found = computed(*seen, is_counted=is_counted, by_hand=by_hand)
    assert (found.outcome, found.source, found.is_credited) == expected


@each_row(
    "present_ms, outcome, short_ms",
    [
        (59, Outcome.PARTIAL, 1),
        (0, Outcome.ABSENT, 60),
        (60, Outcome.ATTENDED, 0),
        (10, Outcome.ATTENDED, 0),  # by hand
        (10, Outcome.EXCUSED, 0),
        (61, Outcome.ABSENT, 0),  # by hand
    ],
)
def test_what_is_missing_to_attended_is_stated_where_it_matters(
    present_ms: int, outcome: Outcome, short_ms: int
) -> None:
    attendance = AttendanceOutcome(
        start_ms=0, length_ms=100, whole_ms=100, needed_ms=60, present_ms=present_ms,
        percent_tenths=present_ms * 10, outcome=outcome, source=Source.LIVE, sources=[], intervals=[], by_source=[],
        rejoins=0, explanation="", is_counted=True, correction=None,
    )  # fmt: skip
    assert attendance.short_ms == short_ms
