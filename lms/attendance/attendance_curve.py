"""How a lecture went, minute by minute: one sweep over everybody's presence. Pure, exact to the millisecond."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lms.attendance.rules import Interval, clip, leave_out, length, unite
from lms.core.time.durations import MINUTE_MS


@dataclass(frozen=True)
class Course:
    """The attendance curve of a lecture. Lengths are milliseconds.

    `minutes` has the most people present at once within each minute from the start; `highest` is the most of the whole
    lecture, first reached at `highest_ms` from the start; `present_ms` the presence of all, outside pauses. For each
    person present: how long after the start the first and how long before the end the last presence was, and how often
    the person rejoined.
    """

    minutes: list[int]
    highest: int = 0
    highest_ms: int = 0
    present_ms: int = 0
    late: list[int] = field(default_factory=list)
    early: list[int] = field(default_factory=list)
    rejoins: list[int] = field(default_factory=list)

    @property
    def people(self) -> int:
        """How many were there at all."""
        return len(self.late)


def course(people: Iterable[Sequence[Interval]], start: int, end: int, pauses: Sequence[Interval] = ()) -> Course:
    """The course of a lecture from `start` to `end`, given each person's intervals, whatever their order and overlap.

    Somebody is there from the instant of joining until just before that of leaving.
    """
    count = -(-(end - start) // MINUTE_MS)
    joins: list[int] = []
    leaves: list[int] = []
    late, early, rejoins, present = [], [], [], 0
    for intervals in people:
        there = clip(unite(intervals), start, end)
        if not there:
            continue
        for joined, left in there:
            joins.append(joined)
            leaves.append(left)
        late.append(there[0][0] - start)
        early.append(end - there[-1][1])
        rejoins.append(len(there) - 1)
        present += length(leave_out(there, pauses))
    minutes, highest_ms = _sweep(joins, leaves, start, count)
    return Course(
        minutes=minutes,
        highest=max(minutes, default=0),
        highest_ms=highest_ms,
        present_ms=present,
        late=late,
        early=early,
        rejoins=rejoins,
    )


def _sweep(joins: list[int], leaves: list[int], start: int, count: int) -> tuple[list[int], int]:
    """The most at once in each of `count` minutes, and how long after the start the most of all was first reached.

    Somebody who leaves at an instant is gone before somebody joins at it.
    """
    joins.sort()
    leaves.sort()
    minutes = [0] * count
    present = gone = highest = highest_ms = minute = 0
    for joined in joins:
        while leaves[gone] <= joined:
            minute = _carry(minutes, minute, (leaves[gone] - 1 - start) // MINUTE_MS, present)
            gone += 1
            present -= 1
        minute = _carry(minutes, minute, (joined - start) // MINUTE_MS, present)
        present += 1
        minutes[minute] = max(minutes[minute], present)
        if present > highest:
            highest, highest_ms = present, joined - start
    for left in leaves[gone:]:
        minute = _carry(minutes, minute, (left - 1 - start) // MINUTE_MS, present)
        present -= 1
    return minutes, highest_ms


def _carry(minutes: list[int], minute: int, until: int, present: int) -> int:
    """Writes how many are still present at the beginning of each minute up to `until`; returns the minute reached."""
    last = len(minutes) - 1
    for following in range(minute + 1, min(until, last) + 1):
        minutes[following] = present
    return min(max(until, minute), last)
