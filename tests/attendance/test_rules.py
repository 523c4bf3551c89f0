"""Clipping and uniting: the same answer whatever the order, the doubling and the lateness of evidence."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lms.attendance import rules
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.presence import Span
from lms.core.time import durations
from tests.rows import each_row

MINUTE = 60_000
instants = st.integers(min_value=0, max_value=400)
spans = st.tuples(instants, instants).map(lambda pair: (min(pair), max(pair)))
lists = st.lists(spans, max_size=12)


def points(intervals: list[rules.Interval]) -> set[int]:
    return {moment for start, end in intervals for moment in range(start, end)}


@given(lists, st.randoms(use_true_random=False))
def test_unite_is_the_same_in_any_order_and_with_duplicates(intervals: list[rules.Interval], random: object) -> None:
    shuffled = intervals + intervals[:3]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.unite(shuffled) == rules.unite(intervals)


@given(lists)
def test_unite_is_the_union_of_points_in_disjoint_intervals(intervals: list[rules.Interval]) -> None:
    united = rules.unite(intervals)
    assert points(united) == points(intervals)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(united))
    assert rules.length(united) == len(points(intervals))


@given(lists, lists)
def test_unite_of_parts_is_unite_of_the_whole(early: list[rules.Interval], late: list[rules.Interval]) -> None:
    assert rules.unite(rules.unite(early) + late) == rules.unite(early + late)


@given(lists, spans)
def test_clip_keeps_exactly_what_lies_within(intervals: list[rules.Interval], window: rules.Interval) -> None:
    clipped = rules.clip(intervals, *window)
    assert points(clipped) == points(intervals) & points([window])
    assert all(window[0] <= start < end <= window[1] for start, end in clipped)


@given(lists, lists)
def test_leave_out_keeps_exactly_what_lies_outside(intervals: list[rules.Interval], gaps: list[rules.Interval]) -> None:
    parts = rules.leave_out(rules.unite(intervals), rules.unite(gaps))
    assert points(parts) == points(intervals) - points(gaps)
    assert parts == sorted(parts)
    assert all(start < end for start, end in parts)


@given(lists, lists, spans, st.randoms(use_true_random=False))
def test_presence_in_any_order_counts_the_same_outside_pauses(
    intervals: list[rules.Interval], pauses: list[rules.Interval], window: rules.Interval, random: object
) -> None:
    within = tuple(rules.clip(rules.unite(pauses), *window))
    span = Span(*window, window[1] - window[0] - rules.length(within), within)
    shuffled = intervals + intervals[:3]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    counted = span.count(shuffled)
    assert counted == span.count(intervals)
    assert points(counted) == (points(intervals) & points([window])) - points(pauses)
    assert rules.length(counted) <= span.length_ms


def test_a_pause_between_two_stays_is_no_rejoin() -> None:
    span = Span(0, 100, 70, ((20, 30), (60, 80)))
    assert span.count_stays(span.count([(0, 100)])) == 1
    assert span.count_stays(span.count([(0, 15), (18, 25), (90, 100)])) == 3
    assert span.count_stays(span.count([(85, 100)])) == 1
    assert span.count_stays([]) == 0


@given(st.lists(st.integers(0, 200_000), max_size=20), st.integers(0, 100_000), st.randoms(use_true_random=False))
def test_beats_never_reach_before_the_join_and_order_is_nothing(
    received: list[int], joined: int, random: object
) -> None:
    seen = rules.seen_by_beats(received, beat_seconds=30, joined_ms=joined)
    doubled = received * 2
    random.shuffle(doubled)  # type: ignore[attr-defined]
    assert rules.seen_by_beats(doubled, beat_seconds=30, joined_ms=joined) == seen
    assert all(start >= joined for start, _end in seen)
    assert rules.length(seen) <= 45_000 * len(set(received))


def test_beats_every_30_seconds_are_one_interval_and_a_lost_two_are_a_gap() -> None:
    beats = [0, 30_000, 60_000, 150_000, 180_000]
    assert rules.seen_by_beats(beats, beat_seconds=30, joined_ms=0) == [(0, 60_000), (105_000, 180_000)]
    assert rules.seen_by_beats([0, 60_000, 120_000], beat_seconds=60, joined_ms=0) == [(0, 120_000)]


@each_row(
    "present, length, tenths, expected",
    [
        (5_400_000 * 60 // 100, 5_400_000, 600, Outcome.ATTENDED),
        (5_400_000 * 60 // 100 - 1, 5_400_000, 599, Outcome.PARTIAL),
        (5996, 10_000, 599, Outcome.PARTIAL),
        (1, 5_400_000, 0, Outcome.PARTIAL),
        (0, 5_400_000, 0, Outcome.ABSENT),
        (5_400_000, 5_400_000, 1000, Outcome.ATTENDED),
        (2, 3, 666, Outcome.ATTENDED),
    ],
)
def test_outcome_is_decided_on_exact_milliseconds(present: int, length: int, tenths: int, expected: Outcome) -> None:
    assert durations.percent_tenths(present, length) == tenths
    assert rules.outcome(present, length, 60) is expected


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(1, 100))
def test_needed_is_the_least_that_attends(present: int, length: int, minimum: int) -> None:
    attended = rules.outcome(present, length, minimum) is Outcome.ATTENDED
    assert attended == (present >= rules.needed_ms(length, minimum))


def test_by_source_unites_within_a_source_only() -> None:
    seen = [(5, 10, Source.LIVE), (8, 20, Source.LIVE), (0, 9, Source.IMPORT), (-9, -1, Source.LIVE)]
    assert rules.by_source(seen, Span(0, 15, 15).count) == [(0, 9, Source.IMPORT), (5, 15, Source.LIVE)]


def test_explain_says_the_sum_in_words(words: None) -> None:
    def said(minutes: float, rejoins: int, outcome: Outcome, **more: object) -> str:
        return rules.explain(
            present_ms=int(minutes * MINUTE), length_ms=90 * MINUTE, needed_ms=54 * MINUTE, rejoins=rejoins,
            outcome=outcome, **more
        )  # fmt: skip # type: ignore[arg-type]

    assert said(62, 2, Outcome.ATTENDED) == "62 of 90 minutes, 2 rejoins: attended"
    assert said(62.9, 1, Outcome.ATTENDED) == "62 of 90 minutes, 1 rejoin: attended"
    assert said(31, 0, Outcome.PARTIAL) == "31 of 90 minutes: partial"
    assert said(31, 12, Outcome.PARTIAL) == "31 of 90 minutes, 12 rejoins: partial"
    assert said(0.5, 0, Outcome.PARTIAL) == "less than one of 90 minutes: partial"
    assert said(0, 0, Outcome.ABSENT) == "0 of 90 minutes: absent"
    assert said(31, 0, Outcome.EXCUSED, by_hand="power cut") == "31 of 90 minutes: excused, corrected (power cut)"
    assert said(31, 0, Outcome.PARTIAL, aside="not enrolled") == "31 of 90 minutes, not counted: not enrolled"
    assert said(90, 0, Outcome.ATTENDED, replay=True) == "90 of 90 minutes including the replay: attended"


def test_propose_times_prefers_the_plan_where_it_is_near() -> None:
    hour = 60 * MINUTE
    assert rules.propose_times([(0, 2 * hour)], 10 * MINUTE, 100 * MINUTE) == (10 * MINUTE, 100 * MINUTE)
    assert rules.propose_times([(2 * hour, 3 * hour)], 0, hour) == (2 * hour, 3 * hour)


@given(spans, spans, lists, st.data())
def test_what_is_certain_of_a_sum_is_in_no_pause(
    seen: rules.Interval, window: rules.Interval, gaps: list[rules.Interval], data: st.DataObject
) -> None:
    first, last = seen
    total = data.draw(st.integers(0, last - first))
    pauses = tuple(rules.clip(rules.unite(gaps), *window))
    span = Span(*window, window[1] - window[0] - rules.length(pauses), pauses)
    placed = rules.certain(first, last, total, *window, pauses)
    outside = points([seen]) - (points([window]) - points(list(pauses)))
    if first < last:
        assert rules.length(span.count([placed])) == max(0, total - len(outside))


@given(spans, spans, st.data())
def test_what_is_certain_of_a_sum_is_less_than_any_way_it_may_have_lain(
    seen: rules.Interval, lecture: rules.Interval, data: st.DataObject
) -> None:
    """However the minutes of a sum lie between the first join and the last leave, so many were in the lecture."""
    first, last = seen
    total = data.draw(st.integers(0, last - first))
    minutes = data.draw(st.permutations(range(first, last))) if last > first else []
    there = {*minutes[:total]} & {*range(*lecture)}
    begin, end = rules.certain(first, last, total, *lecture)
    if first < last:
        assert end - begin <= len(there)
        assert begin == end or (max(first, lecture[0]) == begin and end <= min(last, lecture[1]))
        worst = {*range(first, last)} - {*range(*lecture)}
        assert end - begin == max(0, total - len(worst))
    else:
        assert (begin, end) == (lecture[0], min(lecture[0] + total, lecture[1]))


@each_row(
    "said, placed",
    [
        # one join is its interval
        ({"first": 10, "last": 70, "joins": 1, "total_ms": 50}, (10, 70, None)),
        ({"first": 10, "joins": 1, "total_ms": 50}, (10, 60, None)),
        ({"last": 70, "joins": 1, "total_ms": 50}, (20, 70, None)),
        # several lie somewhere between
        ({"first": 10, "last": 70, "joins": 3, "total_ms": 50}, (10, 70, 50)),
        ({"first": 10, "last": 70, "total_ms": 50}, (10, 70, 50)),
        ({"first": 10, "last": 70, "joins": 2, "total_ms": 60}, (10, 70, None)),
        # the meeting's own times bound what the row leaves open
        ({"first": 10, "joins": 2, "total_ms": 50, "meeting": (0, 90)}, (10, 90, 50)),
        ({"last": 70, "joins": 2, "total_ms": 50, "meeting": (0, 90)}, (0, 70, 50)),
        ({"total_ms": 50, "meeting": (0, 90)}, (0, 90, 50)),
        ({"first": 10, "joins": 2, "total_ms": 50}, (10, 60, 50)),
        ({"last": 70, "joins": 2, "total_ms": 50}, (20, 70, 50)),
        # and without any time it lies where the lecture starts
        ({"total_ms": 50}, (5, 5, 50)),
        ({"joins": 1, "total_ms": 50}, (5, 5, 50)),
    ],
)
def test_a_sum_is_placed(said: dict[str, int], placed: tuple[int, int, int | None]) -> None:
    known = {"first": None, "last": None, "joins": None, "meeting": (None, None), "start": 5}
    assert rules.place_sum(**{**known, **said}) == placed  # type: ignore[arg-type]
