"""Stays made of joins and leaves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lms.attendance.rules import length, unite
from lms.attendance_imports.readers.session_rows import pair


def test_a_rejoin_is_two_stays_and_two_devices_are_one() -> None:
    assert pair([10, 50], [30, 90], 100).stays == [(10, 30), (50, 90)]
    both = pair([10, 20], [40, 60], 100)
    assert (both.stays, both.unfinished, both.lost, both.strays) == ([(10, 60)], False, False, [])


def test_leaving_and_joining_again_in_the_same_second_goes_on() -> None:
    assert pair([10, 30], [30, 60], 100).stays == [(10, 30), (30, 60)]
    assert pair([10], [10], 100).stays == [(10, 10)]


def test_who_never_left_is_there_until_the_end() -> None:
    ghost = pair([10, 50], [30], 100)
    assert (ghost.stays, ghost.unfinished, ghost.lost) == ([(10, 30), (50, 100)], True, False)
    assert pair([120], [], 100).stays == [(120, 120)]


def test_a_lost_leave_gives_the_sure_part_only() -> None:
    pairing = pair([10, 20], [40], 100)
    assert (pairing.stays, pairing.unfinished, pairing.lost) == ([(10, 40)], False, True)


def test_leaving_without_having_joined_is_told() -> None:
    pairing = pair([50], [30, 90], 100)
    assert (pairing.stays, pairing.strays) == ([(50, 90)], [30])


moments = st.lists(st.integers(0, 30), max_size=8)


@given(moments, moments, st.integers(0, 40), st.randoms())
def test_order_and_doubling_change_nothing(joins: list[int], leaves: list[int], end: int, chance: object) -> None:
    once = pair(joins, leaves, end)
    again = [*joins, *joins[:3]], [*leaves, *leaves[:3]]
    for events in again:
        chance.shuffle(events)  # type: ignore[attr-defined]
    assert pair(*again, end) == once
    assert all(start <= stop for start, stop in once.stays)
    assert once.stays == sorted(once.stays)
    assert sum(stop - start for start, stop in once.stays) == length(unite(once.stays))
