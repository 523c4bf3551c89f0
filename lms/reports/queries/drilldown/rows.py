"""What a list of the rows behind a figure holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from lms.reports.rules import Figures

CHUNK: Final = 2000
"""Names are looked up for this many rows of a file at a time."""


@dataclass(frozen=True)
class DrilldownRow:
    """One row behind a figure. A None field does not apply to its kind.

    Names are current, in words. `lecture_id` is None for rows from before this system.
    """

    day: date | None = None
    lecture_id: int | None = None
    lecture: str | None = None
    series: str | None = None
    person: str | None = None
    """The full name, or None for a deleted person."""
    person_id: str | None = None
    country: str | None = None
    country_code: str | None = None
    source: str | None = None
    kind: str | None = None
    participants: int | None = None
    attendances: int | None = None
    ms: int | None = None
    is_older: bool = False


@dataclass(frozen=True)
class Listed:
    """All rows that are asked for, in order: how many there are, and those from one place to another."""

    total: int
    between: Callable[[int, int], list[DrilldownRow]]

    def then(self, other: Listed) -> Listed:
        """These rows, and after them others."""

        def between(start: int, end: int) -> list[DrilldownRow]:
            rows = self.between(min(start, self.total), min(end, self.total))
            if end > self.total:
                rows += other.between(max(start - self.total, 0), end - self.total)
            return rows

        return Listed(self.total + other.total, between)


@dataclass(frozen=True)
class FilterValue:
    """One value of a filter of a list: its key in an address, its name, and how many rows have it."""

    key: str
    label: str
    number: int


@dataclass(frozen=True)
class DrilldownRows:
    """A page of the rows behind a figure. `figures` are those of the slice and group, `older` is how many of them are
    attendances from before the system.

    `total` is how many rows the filters of the list leave, and `every` how many there are without them; `choices` are
    the values of each filter. `unknown` are filters whose values there are not: they were left out.
    """

    figure: str
    figures: Figures
    older: int
    labels: list[str]
    rows: list[DrilldownRow]
    total: int
    every: int
    choices: Mapping[str, Sequence[FilterValue]]
    unknown: tuple[str, ...]
    listed: Listed

    def all_rows(self) -> Iterator[DrilldownRow]:
        """Every row that the filters leave, in order, named some at a time."""
        for start in range(0, self.total, CHUNK):
            yield from self.listed.between(start, min(start + CHUNK, self.total))
