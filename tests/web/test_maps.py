"""The map: projection, sizes, and one set of numbers for the silhouette and the bubbles."""

from __future__ import annotations

import re
from math import pi
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lms.web import maps

KENYA = maps.Country("Kenya", 0.6, 37.8, 4278, partner=True)
ICELAND = maps.Country("Iceland", 65.0, -18.6, 155)


def test_place_agrees_with_the_drawing_library() -> None:
    assert maps.place(-1.3, 36.8) == (548.3, 245.0)
    assert maps.place(-10.0, -75.0) == (245.8, 276.8)


def test_place_uses_the_numbers_of_the_silhouette() -> None:
    drawing = (Path(__file__).parents[2] / "static/map.mjs").read_text(encoding="utf-8")
    named = dict(re.findall(r"\b([A-Z]+) = ([\d.]+)", drawing))
    assert {name: float(value) for name, value in named.items()} == {
        "WIDTH": maps.WIDTH,
        "HEIGHT": maps.HEIGHT,
        "MERIDIAN": maps.MERIDIAN,
        "SCALE": maps.SCALE,
        "X": maps.X,
        "Y": maps.Y,
    }


@given(st.floats(-55, 80), st.floats(-180, 180))
def test_place_is_on_the_map(latitude: float, longitude: float) -> None:
    x, y = maps.place(latitude, longitude)
    assert -20 <= x <= maps.WIDTH + 20
    assert -5 <= y <= maps.HEIGHT


@given(st.integers(400, 10_000), st.integers(10_000, 20_000))
def test_area_is_proportional(value: int, most: int) -> None:
    share = (maps.radius(value, most) ** 2 * pi) / (maps.radius(most, most) ** 2 * pi)
    assert abs(share - value / most) < 0.05


def test_bubbles_are_sorted_and_leave_out_nothing_but_zero() -> None:
    nobody = maps.Country("Nobody", 0.0, 0.0, 0)
    found = maps.bubbles([ICELAND, nobody, KENYA])
    assert [(b.name, b.radius, b.partner, b.label) for b in found] == [
        ("Kenya", 17.3, True, True),
        ("Iceland", 3.3, False, True),
    ]


def test_labels_do_not_stand_on_each_other() -> None:
    near = maps.Country("Uganda", 1.3, 32.4, 2036)
    assert [(b.name, b.label) for b in maps.bubbles([KENYA, near])] == [("Kenya", True), ("Uganda", False)]


def test_scale_is_round() -> None:
    assert [value for value, _radius in maps.scale([KENYA, ICELAND])] == [4000, 800, 100]
    assert maps.scale([]) == []
