"""Columns of many lectures, or of many series, in one piece: what a process holds in memory between questions.

Each lecture or series (the *owner* of its rows) has a version. Only where that differs its columns are read again; the
segment it is in is then put together from what was there and what is new. No database here.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from lms.attendance.facts import Column, Columns, Layout

SPAN: Final = 64
"""The owners whose ids have the same quotient by this number share a segment."""

SERIES_FACTS: Final[Layout] = {"person": "<u4", "country": "<u2", "traits": "<u2", "day": "<u4", "id": "<u4"}
"""A registration or an award: the person (canonical id), the country of that day, sector and gender of today, the
ordinal of the day, and the id of its row."""

Read = tuple[int, Hashable, Columns]
"""An owner, the version of its columns, and these."""


@dataclass(frozen=True)
class Segment:
    """Rows owner after owner. `owner` has the place of each row's owner in `owners`."""

    owners: list[int]
    versions: Mapping[int, Hashable]
    starts: list[int]
    owner: Column
    columns: Columns

    @property
    def has_days(self) -> bool:
        """Whether each row has its own day: those of registrations and awards do."""
        return "day" in self.columns

    @cached_property
    def countries(self) -> Column:
        """The countries that occur, each once, in order."""
        marked = np.zeros(int(self.columns["country"].max(initial=0)) + 1, bool)
        marked[self.columns["country"]] = True
        return np.flatnonzero(marked)

    def of(self, owner: int) -> Columns:
        """The columns of one owner."""
        place = self.owners.index(owner)
        return {name: column[self.starts[place] : self.starts[place + 1]] for name, column in self.columns.items()}


@dataclass(frozen=True)
class SegmentPart:
    """A segment, and which of its owners a question may count."""

    segment: Segment
    owners: Collection[int]


def join(reads: Iterable[Read], layout: Layout) -> Segment:
    """One segment of these owners."""
    parts = sorted(reads, key=lambda part: part[0])
    sizes = [len(columns["person"]) for _owner, _version, columns in parts]
    return Segment(
        owners=[owner for owner, _version, _columns in parts],
        versions={owner: version for owner, version, _columns in parts},
        starts=[0, *np.cumsum(sizes, dtype=np.int64).tolist()],
        owner=np.repeat(np.arange(len(parts), dtype=np.min_scalar_type(len(parts))), sizes),
        columns={
            name: np.concatenate([np.empty(0, form), *(columns[name] for _owner, _version, columns in parts)])
            for name, form in layout.items()
        },
    )


def joined(reads: Iterable[Read], layout: Layout) -> list[SegmentPart]:
    """Parts of segments that nobody keeps."""
    segment = join(reads, layout)
    return [SegmentPart(segment, segment.owners)] if segment.owners else []


def refreshed(
    cached: dict[int, Segment],
    versions: Mapping[int, Hashable],
    read: Callable[[Collection[int]], Iterable[Read]],
    layout: Layout,
) -> list[SegmentPart]:
    """The columns of owners at these versions, from `cached` or else by `read`, which is asked for what is missing.

    What `read` does not find, or finds at another version, is in no part.
    """
    numbers: dict[int, list[int]] = {}
    for owner in versions:
        numbers.setdefault(owner // SPAN, []).append(owner)
    parts = []
    for number, owners in numbers.items():
        segment = cached.get(number)
        known = segment.versions if segment else {}
        stale = [owner for owner in owners if owner not in known or known[owner] != versions[owner]]
        if segment is None or stale:
            others = [one for one in segment.owners if one not in stale] if segment else []
            unchanged = [(one, known[one], segment.of(one)) for one in others] if segment else []
            segment = cached[number] = join([*unchanged, *read(stale)], layout)
        parts.append(SegmentPart(segment, {one for one in owners if segment.versions.get(one) == versions[one]}))
    return parts
