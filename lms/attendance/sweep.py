"""How a lecture went, minute by minute: one sweep over everybody's presence. Pure, exact to the millisecond."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from lms.attendance.rules import MINUTE_MS, Interval, clip, length, unite


@dataclass(frozen=True)
class Course:
    """How a lecture went. Lengths are milliseconds.

    `minutes` holds how many people were there at the beginning of each minute from the start; `highest` is the most
    that were there at once at any instant, first so at `highest_ms` from the start; `present_ms` the presence of all.
    For each person who was there: how long after the start the first and how long before the end the last presence
    was, and how often the person came back.
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


def course(people: Iterable[Sequence[Interval]], start: int, end: int) -> Course:
    """The course of a lecture from `start` to `end`, given each person's intervals, whatever their order and overlap.

    Somebody is there from the instant of joining until just before that of leaving.
    """
    count = -(-(end - start) // MINUTE_MS)
    steps = [0] * (count + 1)
    joins: list[int] = []
    leaves: list[int] = []
    late, early, rejoins, present = [], [], [], 0
    for intervals in people:
        there = clip(unite(intervals), start, end)
        if not there:
            continue
        for joined, left in there:
            steps[-(-(joined - start) // MINUTE_MS)] += 1
            steps[-(-(left - start) // MINUTE_MS)] -= 1
            joins.append(joined)
            leaves.append(left)
        late.append(there[0][0] - start)
        early.append(end - there[-1][1])
        rejoins.append(len(there) - 1)
        present += length(there)
    highest, highest_at = _highest(joins, leaves)
    return Course(
        minutes=list(accumulate(steps[:-1])),
        highest=highest,
        highest_ms=max(highest_at - start, 0),
        present_ms=present,
        late=late,
        early=early,
        rejoins=rejoins,
    )


def _highest(joins: list[int], leaves: list[int]) -> tuple[int, int]:
    """The most at once, and when first; who leaves at an instant is gone before somebody joins at it."""
    joins.sort()
    leaves.sort()
    here = highest = gone = 0
    at = 0
    for joined in joins:
        while leaves[gone] <= joined:
            gone += 1
            here -= 1
        here += 1
        if here > highest:
            highest, at = here, joined
    return highest, at
