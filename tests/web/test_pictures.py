"""The steps of a value axis."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lms.web.pages.pictures import MOST_STEPS, ticks
from tests.rows import each_row


@each_row(
    "most, expected",
    [
        (0, [0, 1]),
        (2, [0, 1, 2]),
        (11, [0, 5, 10, 15]),
        (388, [0, 100, 200, 300, 400]),
        (1104, [0, 250, 500, 750, 1000, 1250]),
        (104_312, [0, 25_000, 50_000, 75_000, 100_000, 125_000]),
    ],
)
def test_steps_are_round(most: int, expected: list[int]) -> None:
    assert ticks(most) == expected


@given(st.floats(min_value=0, max_value=1e12))
def test_every_value_finds_its_place(most: float) -> None:
    marks = ticks(most)
    assert marks[0] == 0
    assert marks[-1] >= most
    assert marks[-2] <= most or most < 1, "no step stands wholly above what is shown"
    assert len(marks) - 1 <= MOST_STEPS
    assert {after - before for before, after in pairwise(marks)} == {marks[1]}
