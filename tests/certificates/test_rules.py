import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.certificates import rules


@pytest.mark.parametrize(
    ("lectures", "percent", "needed"),
    [(6, 60, 4), (5, 60, 3), (1, 60, 1), (3, 100, 3), (10, 1, 1), (0, 60, 1), (7, 50, 4), (100, 60, 60)],
)
def test_a_started_lecture_is_a_whole_one(lectures: int, percent: int, needed: int) -> None:
    assert rules.earning(lectures, percent).needed == needed


@given(st.integers(1, 200), st.integers(1, 100), st.integers(0, 200))
def test_earned_is_exactly_the_share(lectures: int, percent: int, attended: int) -> None:
    asked = rules.earning(lectures, percent)
    assert rules.has_earned(attended, asked) == (attended > 0 and attended * 100 >= lectures * percent)
    assert not (rules.has_earned(attended, asked) and rules.just_misses(attended, asked))


def test_a_series_without_lectures_earns_nobody_anything() -> None:
    assert not rules.has_earned(5, rules.earning(0, 60))


def test_hours_have_one_decimal() -> None:
    assert rules.hours([90 * 60_000]) == 1.5
    assert rules.hours([62 * 60_000, 61 * 60_000]) == 2.0
    assert rules.hours([]) == 0
