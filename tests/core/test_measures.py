"""Rounding: each quantity in one way, exactly."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lms.core.time import durations
from tests.rows import each_row

lengths = st.integers(0, 10**9)


@given(lengths)
def test_time_spent_is_rounded_down_and_time_needed_up(ms: int) -> None:
    assert durations.whole_minutes(ms) * 60_000 <= ms < (durations.whole_minutes(ms) + 1) * 60_000
    assert (durations.needed_minutes(ms) - 1) * 60_000 < ms <= durations.needed_minutes(ms) * 60_000
    assert int(durations.tenth_minutes(ms)) == durations.whole_minutes(ms)


@given(lengths, lengths)
def test_nobody_reads_that_they_reached_what_they_missed(present: int, needed: int) -> None:
    if durations.whole_minutes(present) >= durations.needed_minutes(needed):
        assert present >= needed


@given(lengths)
def test_hours_are_the_nearest_tenth(ms: int) -> None:
    tenths = Fraction(durations.tenth_hours(ms)).limit_denominator(10) * 10
    assert -Fraction(1, 2) < tenths - Fraction(ms, 360_000) <= Fraction(1, 2)


@each_row("value, whole", [(0, 0), (0.4, 0), (0.5, 1), (268_768.5, 268_769), (7, 7)])
def test_whole_numbers_are_the_nearest(value: float, whole: int) -> None:
    assert durations.nearest_whole(value) == whole


@each_row(
    "part, whole, percent, tenths",
    [(2, 3, 66.7, 666), (1, 3, 33.3, 333), (5996, 10_000, 60.0, 599), (1, 2000, 0.1, 0), (3, 2, 150.0, 1000),
     (1, 0, None, 0)],
)  # fmt: skip
def test_percentages(part: int, whole: int, percent: float | None, tenths: int) -> None:
    assert durations.percent(part, whole) == percent
    assert durations.percent_tenths(part, whole) == tenths
