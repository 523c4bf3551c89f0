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
    given change nothing. Somebody is there while more have joined than left."""
    joined, left = set(joins), set(leaves)
    found = Pairing()
    inside = start = last_leave = 0
    for moment in sorted(joined | left):
        gone = moment in left
        if gone and inside:
            inside, last_leave, gone = inside - 1, moment, False
            if not inside:
                found.stays.append((start, moment))
        if moment in joined:
            start = start if inside else moment
            inside += 1
            if gone:  # came and went within the same second
                inside, last_leave, gone = 0, moment, False
                found.stays.append((moment, moment))
        if gone:
            found.strays.append(moment)
    if inside:
        found.unfinished = max(joined) > last_leave
        found.lost = inside > 1 or not found.unfinished
        found.stays.append((start, max(end_ms, max(joined)) if found.unfinished else last_leave))
    return found
