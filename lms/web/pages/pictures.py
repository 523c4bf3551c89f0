"""Pictures of figures: bubbles of countries on the map, steps of a value axis, and QR codes. No database, no HTTP."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import asin, ceil, cos, floor, log10, radians, sin, sqrt

import segno
from flask import Flask, Response

WIDTH, HEIGHT = 960, 430
# The silhouette is drawn with the same numbers by static/map.mjs.
MERIDIAN, SCALE, X, Y = 11.0, 180.94, 478.1, 240.2

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_M = sqrt(3) / 2
_LEAST_RADIUS, _LARGEST_RADIUS = 1.8, 17.3
_LABEL_CANDIDATES, _NARROW, _WIDE = 24, 7.0, 12.5


@dataclass(frozen=True)
class MapCountry:
    """One country's figure: its name in the reader's language, its centroid in degrees, the bare number."""

    name: str
    latitude: float
    longitude: float
    value: int
    partner: bool = False


@dataclass(frozen=True)
class MapLabel:
    """The position of a name: the point of the text, and which end of it is there."""

    x: float
    y: float
    anchor: str


@dataclass(frozen=True)
class Bubble:
    """A circle on the map, in its 960 × 430 units; `label` where the name is written next to it."""

    name: str
    value: int
    partner: bool
    x: float
    y: float
    radius: float
    label: MapLabel | None = None


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


def bubbles(countries: Iterable[MapCountry]) -> list[Bubble]:
    """Bubbles for the countries above 0, large ones first, so that small ones are on top; the largest named."""
    shown = sorted((c for c in countries if c.value > 0), key=lambda c: (-c.value, c.name))
    most = shown[0].value if shown else 0
    drawn = [Bubble(c.name, c.value, c.partner, *place(c.latitude, c.longitude), radius(c.value, most)) for c in shown]
    boxes: list[_Box] = []
    for index, bubble in enumerate(drawn[:_LABEL_CANDIDATES]):
        others = drawn[:index] + drawn[index + 1 :]
        for label, box in _label_places(bubble):
            if box.on_the_map() and not any(map(box.meets, boxes)) and not any(map(box.covers, others)):
                drawn[index] = replace(bubble, label=label)
                boxes.append(box)
                break
    return drawn


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def on_the_map(self) -> bool:
        return self.left >= 0 and self.right <= WIDTH and self.top >= 0 and self.bottom <= HEIGHT

    def meets(self, other: "_Box") -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def covers(self, bubble: Bubble) -> bool:
        nearest_x = min(max(bubble.x, self.left), self.right)
        nearest_y = min(max(bubble.y, self.top), self.bottom)
        return (nearest_x - bubble.x) ** 2 + (nearest_y - bubble.y) ** 2 < bubble.radius**2


def _label_places(bubble: Bubble) -> Iterator[tuple[MapLabel, _Box]]:
    """Returns possible positions of a name, best first: after, before, below and above its bubble."""
    width = sum(_WIDE if ord(sign) > 0x2E80 else _NARROW for sign in bubble.name)
    x, y, gap = bubble.x, bubble.y, bubble.radius + 3
    for anchor, at_x, left in (("start", x + gap, x + gap), ("end", x - gap, x - gap - width)):
        yield MapLabel(round(at_x, 1), round(y + 4, 1), anchor), _Box(left, y - 7, left + width, y + 7)
    for at_y in (y + gap + 10, y - gap - 1):
        yield MapLabel(x, round(at_y, 1), "middle"), _Box(x - width / 2, at_y - 11, x + width / 2, at_y + 3)


def scale(countries: Iterable[MapCountry]) -> list[tuple[int, float]]:
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


def qr_code(text: str) -> Response:
    """A text as a QR code (SVG), kept by nobody on the way."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=4, scale=5, dark="#0e1a1c", light="#ffffff", svgclass=None, lineclass=None
    )
    answer = Response(out.getvalue(), mimetype="image/svg+xml")
    answer.headers["Cache-Control"] = "no-store"
    return answer
