"""Rows of the table, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = ("what", "measured", "a second", "baseline", "ratio", "aim", "")


class CannotMeasure(Exception):
    """Something stood in the way, so that there is no figure: not the same as a figure that misses its aim."""


@dataclass(frozen=True)
class Aim:
    """At most so much, of what was measured or (`of_ratio`) of the ratio to the baseline."""

    most: float
    of_ratio: bool = False


@dataclass(frozen=True)
class Row:
    """One figure: less is better. `baseline` is the same work done barely, in the same unit and the same run."""

    what: str
    measured: float
    unit: str
    baseline: float | None = None
    rate: float | None = None
    aim: Aim | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the baseline it is."""
        return self.measured / self.baseline if self.baseline else None

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        judged = self.ratio if self.aim.of_ratio else self.measured
        if judged is None:
            raise CannotMeasure(f"{self.what} has an aim for its ratio and no baseline")
        return judged <= self.aim.most

    def cells(self) -> tuple[str, ...]:
        """As it stands in the table, under `COLUMNS`."""
        aim = ""
        if self.aim is not None:
            aim = f"≤ {self.aim.most:g} " + ("×" if self.aim.of_ratio else self.unit)
        return (
            self.what,
            f"{_figure(self.measured)} {self.unit}",
            _figure(self.rate) if self.rate is not None else "",
            f"{_figure(self.baseline)} {self.unit}" if self.baseline is not None else "",
            f"{_figure(self.ratio)} ×" if self.ratio is not None else "",
            aim,
            {None: "", True: "met", False: "NOT MET"}[self.is_met],
        )

    def as_json(self) -> dict[str, Any]:
        """The same for a programme."""
        return {
            "what": self.what,
            "measured": self.measured,
            "unit": self.unit,
            "per_second": self.rate,
            "baseline": self.baseline,
            "ratio": self.ratio,
            "aim": self.aim and {"most": self.aim.most, "of": "ratio" if self.aim.of_ratio else "measured"},
            "met": self.is_met,
        }


def _figure(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def as_text(rows: Sequence[Row]) -> str:
    """A plain table."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]

    def laid(line: Sequence[str]) -> str:
        first, *others, last = (cell.ljust(width) if not place or place == len(widths) - 1 else cell.rjust(width)
                                for place, (cell, width) in enumerate(zip(line, widths, strict=True)))  # fmt: skip
        return "  ".join([first, *others, last]).rstrip()

    return "\n".join([laid(COLUMNS), "  ".join("-" * width for width in widths), *map(laid, lines[1:])])
