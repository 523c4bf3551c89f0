"""How a lecture went: against a slow count of every instant, and at the size of a large lecture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lms.attendance.attendance_curve import Course, course
from lms.attendance.rules import clip, unite
from lms.core.time.durations import MINUTE_MS

START = 1_764_000_000_000
END = START + 5 * MINUTE_MS + 1_500


def minute(number: float) -> int:
    return START + int(number * MINUTE_MS)


def test_a_lecture_with_two_people() -> None:
    found = course(
        [
            [(minute(-3), minute(2)), (minute(3), minute(9))],  # before the start, away for a minute, to the end
            [(minute(1.5), minute(2.5)), (minute(2), minute(4))],  # two devices
            [(minute(-9), minute(-1))],  # gone before it began
        ],
        START,
        END,
    )
    assert found == Course(
        minutes=[1, 2, 1, 2, 1, 1],
        highest=2,
        highest_ms=90_000,
        present_ms=2 * MINUTE_MS + (END - minute(3)) + 150_000,
        late=[0, 90_000],
        early=[0, END - minute(4)],
        rejoins=[1, 0],
    )
    assert found.people == 2


def test_who_leaves_is_gone_before_the_next_joins() -> None:
    found = course([[(minute(0), minute(1))], [(minute(1), minute(2))]], START, END)
    assert (found.highest, found.minutes) == (1, [1, 1, 0, 0, 0, 0])


def test_of_nobody_there_is_nothing() -> None:
    assert course([], START, END) == Course(minutes=[0] * 6)


instants = st.integers(START - 90_000, END + 90_000)
intervals = st.tuples(instants, instants)


@given(st.lists(st.lists(intervals, max_size=4), max_size=6))
def test_it_is_what_a_look_at_every_instant_says(people: list[list[tuple[int, int]]]) -> None:
    there = [clip(unite(own), START, END) for own in people]

    def here(at: int) -> int:
        return sum(any(joined <= at < left for joined, left in own) for own in there)

    found = course(people, START, END)
    moments = sorted({joined for own in there for joined, _left in own})
    assert found.minutes == [
        max(here(at) for at in [minute(n), *moments] if minute(n) <= at < minute(n + 1)) for n in range(6)
    ]
    assert found.highest == max(found.minutes)
    assert found.highest == max(map(here, moments), default=0)
    assert found.highest_ms == next((at - START for at in moments if here(at) == found.highest), 0)
    assert found.present_ms == sum(left - joined for own in there for joined, left in own)
    assert course([list(reversed(own)) for own in people], START, END) == found
