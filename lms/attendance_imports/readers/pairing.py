"""Stays put together from joins and leaves that a file lists one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Pairing:
    """Stays made of joins and leaves: `stays` from join to leave; `strays` are leaves that nobody had joined for;
    `unfinished` says that the last join has no leave and its stay reaches to the end that was given; `lost` that a
    leave is missing somewhere before, so that only what is sure was taken."""

    stays: list[tuple[int, int]] = field(default_factory=list)
    strays: list[int] = field(default_factory=list)
    unfinished: bool = False
    lost: bool = False


def pair(joins: Iterable[int], leaves: Iterable[int], end_ms: int) -> Pairing:
    """Pairs the joins of one person (of all devices) with the leaves, in milliseconds; order and doubling of what is
    given change nothing. Somebody is there while more have joined than left.

    Of times without seconds, a join and a leave in one minute may be in either order: what comes next tells it.
    """
    joined, left = set(joins), set(leaves)
    pairing = Pairing()
    only_joins, only_leaves = joined - left, left - joined
    moments = sorted(joined | left)
    by_minute = all(moment % 60_000 == 0 for moment in moments)
    inside = start = last_leave = 0
    for moment, following in zip(moments, [*moments[1:], None], strict=False):
        gone, come = moment in left, moment in joined
        if gone and come and by_minute:
            come = not (inside and following in only_joins)  # else: left, came and left
            if not inside and following in only_leaves:  # came, left and came
                pairing.stays.append((moment, moment))
                gone = False
        if gone and inside:
            inside, last_leave, gone = inside - 1, moment, False
            if not inside:
                pairing.stays.append((start, moment))
        if come:
            start = start if inside else moment
            inside += 1
            if gone:  # came and went within the same second
                inside, last_leave, gone = 0, moment, False
                pairing.stays.append((moment, moment))
        if gone:
            pairing.strays.append(moment)
    if inside:
        pairing.unfinished = max(joined) > last_leave
        pairing.lost = inside > 1 or not pairing.unfinished
        pairing.stays.append((start, max(end_ms, max(joined)) if pairing.unfinished else last_leave))
    return pairing


_QUIET_MS = 5 * 3_600_000
"""Where nobody joins or leaves for so long, one meeting ends and another begins."""


def meetings(moments: Iterable[int]) -> list[tuple[int, int]]:
    """The meetings that the moments of a file are of: the first and the last moment of each, in order."""
    spans: list[tuple[int, int]] = []
    for moment in sorted(moments):
        if spans and moment - spans[-1][1] <= _QUIET_MS:
            spans[-1] = (spans[-1][0], moment)
        else:
            spans.append((moment, moment))
    return spans
