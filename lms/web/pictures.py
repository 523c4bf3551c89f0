"""Shared by all pictures of figures: the steps of a value axis."""

from __future__ import annotations

from math import ceil, floor, log10

from flask import Flask

MOST_STEPS = 5


def ticks(most: float) -> list[int]:
    """The values on an axis that begins at 0 and holds `most`: even round steps, the last one at or above it.

    Steps are whole numbers, as what is counted is; of nothing the axis is 0 to 1.
    """
    if most <= 1:
        return [0, 1]
    power = 10 ** floor(log10(most))
    steps = [one for one in (power // 5, power // 4, power // 2, power, power * 2) if one >= 1]
    step = next(one for one in steps if ceil(most / one) <= MOST_STEPS)
    return [step * n for n in range(ceil(most / step) + 1)]


def init_app(app: Flask) -> None:
    """Registers the filter."""
    app.add_template_filter(ticks, "ticks")
