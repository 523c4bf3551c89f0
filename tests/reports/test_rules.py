"""Folding and the daily hour, without a database."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.reports.disclosure_control import folded, united
from lms.reports.facts.counting import Part
from lms.reports.rules import FEWEST, Key, is_refresh_due


def part(*people: int) -> Part:
    made = Part()
    made.add_people(np.array(sorted(people), np.uint32))
    made.attendances = len(people)
    return made


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.sets(st.integers(0, 30), max_size=9), max_size=8))
def test_what_is_folded(groups: dict[str, set[int]]) -> None:
    parts: dict[Key, Part] = {(key,): part(*people) for key, people in groups.items()}
    shown, small = folded(parts)
    hidden = set(parts) - set(shown)
    assert set(small) == hidden
    other = united(small) if small else None
    assert all(len(one.people) >= FEWEST for one in shown.values())
    assert (other is None) == (not hidden)
    if other is not None:
        assert len(hidden) >= 2 or len(parts) == 1
        assert set(other.people) == set().union(*(groups[str(key[0])] for key in hidden))
        assert other.attendances + sum(one.attendances for one in shown.values()) == sum(map(len, groups.values()))
        if len(hidden) > 2:  # nothing more is folded than must be
            assert all(len(parts[key].people) < FEWEST for key in hidden)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, "2026-11-25T00:00", True),
        ("2026-11-24T22:00", "2026-11-25T21:59", False),  # 06:00 there, and 05:59 a day later
        ("2026-11-24T22:00", "2026-11-25T22:00", True),
        ("2026-11-24T21:59", "2026-11-24T22:00", True),
        ("2026-11-20T12:00", "2026-11-25T12:00", True),
    ],
)
def test_it_is_due_at_six(last: str | None, now: str, due: bool) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert is_refresh_due(moment(last) if last else None, moment(now), "Asia/Shanghai") is due
