"""Minutes in words: the same numbers everywhere, with seconds where these decide."""

from __future__ import annotations

from apiflask import APIFlask
from hypothesis import given
from hypothesis import strategies as st

from lms.core.time import durations
from tests.rows import each_row

LENGTH = 90 * 60_000 + 8_000
NEEDED = 54 * 60_000 + 4_800


def at(whole: int, seconds: float = 0) -> int:
    return whole * 60_000 + int(seconds * 1000)


@each_row(
    "present_ms, spent, short",
    [
        (at(47), "47 of 90 minutes", "8 min"),
        (at(47, 10), "47 of 90 minutes", "8 min"),
        (at(47, 59), "47 of 90 minutes", "8 min"),
        (at(53, 4), "53 of 90 minutes", "2 min"),
        (at(53, 30), "53 min 30 s of 90 min 8 s, 54 min 5 s needed", "35 s"),
        (at(54, 4.7), "54 min 4 s of 90 min 8 s, 54 min 5 s needed", "1 s"),
        (at(54, 6), "54 min 6 s of 90 min 8 s, 54 min 5 s needed", "0 s"),
        (at(55), "55 of 90 minutes", "0 min"),
        (at(0, 59), "less than one of 90 minutes", "55 min"),
    ],
)
def test_the_same_minutes_are_short_by_the_same(app: APIFlask, present_ms: int, spent: str, short: str) -> None:
    with app.app_context():
        assert durations.spent_of(present_ms, LENGTH, NEEDED) == spent
        if present_ms < NEEDED:
            assert durations.short_by(present_ms, NEEDED) == short


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_minutes_spent_and_short_add_up_to_those_needed(present: int, needed: int) -> None:
    short = durations.short_minutes(present, needed)
    if present < needed:
        assert short == durations.needed_minutes(needed) - durations.whole_minutes(present) > 0
    else:
        assert short == 0
    if not durations.depends_on_seconds(present, needed):
        assert (durations.whole_minutes(present) >= durations.needed_minutes(needed)) == (present >= needed)
