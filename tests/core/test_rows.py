"""A test over many rows fails for each row that is wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.rows import each_row, spread


def test_each_row_that_fails_is_named() -> None:
    @each_row("number, square", [(1, 1), (2, 5), (3, "x"), (4, 16)])
    def check(number: int, square: int) -> None:
        with pytest.raises(ZeroDivisionError):
            _ = 1 / (number**2 - square)

    with pytest.raises(AssertionError) as caught:
        check()
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        ["(2, 5)", "Failed"],
        ["(3, 'x')", "TypeError"],
    ]


def test_pairs_hold_each_value_about_as_often() -> None:
    pairs = spread(20, range(8), range(10))
    assert len(set(pairs)) == 20
    for place, most in ((0, 3), (1, 2)):
        times = Counter(pair[place] for pair in pairs)
        assert set(times.values()) <= {most - 1, most}
    assert len(set(spread(20, range(16), range(4)))) == 20
