"""Where a country's bubble stands on the map of participants, and how large it is: no database, no HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

WIDTH, HEIGHT = 960, 430
# The silhouette is drawn with the same numbers by static/map.mjs.
MERIDIAN, SCALE, X, Y = 11.0, 180.94, 478.1, 240.2

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_M = sqrt(3) / 2
_LEAST_RADIUS, _LARGEST_RADIUS = 1.8, 17.3
_LABELS, _LABEL_DISTANCE = 10, 26.0


@dataclass(frozen=True)
class Country:
    """One country's figure: its name in the reader's language, its centroid in degrees, the bare number."""

    name: str
    latitude: float
    longitude: float
    value: int
    partner: bool = False


@dataclass(frozen=True)
class Bubble:
    """A circle on the map, in its 960 × 430 units. `label`: whether the name is written beside it."""

    name: str
    value: int
    partner: bool
    x: float
    y: float
    radius: float
    label: bool


def place(latitude: float, longitude: float) -> tuple[float, float]:
    """The point of the map (Equal Earth projection) for a place in degrees."""
    turned = (longitude - MERIDIAN + 180) % 360 - 180
    angle = asin(_M * sin(radians(latitude)))
    square = angle * angle
    sixth = square**3
    across = radians(turned) * cos(angle) / (_M * (_A1 + 3 * _A2 * square + sixth * (7 * _A3 + 9 * _A4 * square)))
    up = angle * (_A1 + _A2 * square + sixth * (_A3 + _A4 * square))
    return round(X + SCALE * across, 1), round(Y - SCALE * up, 1)


def radius(value: int, most: int) -> float:
    """The radius of a figure where `most` is the largest: the area is proportional, but never invisible."""
    if value <= 0 or most <= 0:
        return _LEAST_RADIUS
    return round(max(_LEAST_RADIUS, _LARGEST_RADIUS * sqrt(value / most)), 1)


def bubbles(countries: Iterable[Country]) -> list[Bubble]:
    """Bubbles for the countries above 0, large ones first, so that small ones lie on top; the largest named."""
    shown = sorted((c for c in countries if c.value > 0), key=lambda c: (-c.value, c.name))
    most = shown[0].value if shown else 0
    named: list[tuple[float, float]] = []
    found = []
    for country in shown:
        x, y = place(country.latitude, country.longitude)
        label = len(named) < _LABELS and all(abs(y - b) > _LABEL_DISTANCE or abs(x - a) > 110 for a, b in named)
        if label:
            named.append((x, y))
        found.append(Bubble(country.name, country.value, country.partner, x, y, radius(country.value, most), label))
    return found


def scale(countries: Iterable[Country]) -> list[tuple[int, float]]:
    """Three round figures and their radii, for the line that says what the sizes mean."""
    most = max((c.value for c in countries), default=0)
    steps = []
    for share in (1, 5, 25):
        value = most // share
        digits = max(len(str(value)) - 1, 0)
        rounded = value // 10**digits * 10**digits
        if rounded and (rounded, radius(rounded, most)) not in steps:
            steps.append((rounded, radius(rounded, most)))
    return steps
