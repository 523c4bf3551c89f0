"""The map: projection, sizes, and one set of numbers for the silhouette and the bubbles."""

from __future__ import annotations

import re
from math import pi
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lms.web.pages import pictures

KENYA = pictures.MapCountry("Kenya", 0.6, 37.8, 4278, partner=True)
ICELAND = pictures.MapCountry("Iceland", 65.0, -18.6, 155)


def test_place_agrees_with_the_drawing_library() -> None:
    assert pictures.place(-1.3, 36.8) == (548.3, 245.0)
    assert pictures.place(-10.0, -75.0) == (245.8, 276.8)


def test_place_uses_the_numbers_of_the_silhouette() -> None:
    drawing = (Path(__file__).parents[2] / "static/map.mjs").read_text(encoding="utf-8")
    named = dict(re.findall(r"\b([A-Z]+) = ([\d.]+)", drawing))
    assert {name: float(value) for name, value in named.items()} == {
        "WIDTH": pictures.WIDTH,
        "HEIGHT": pictures.HEIGHT,
        "MERIDIAN": pictures.MERIDIAN,
        "SCALE": pictures.SCALE,
        "X": pictures.X,
        "Y": pictures.Y,
    }


@given(st.floats(-55, 80), st.floats(-180, 180))
def test_place_is_on_the_map(latitude: float, longitude: float) -> None:
    x, y = pictures.place(latitude, longitude)
    assert -20 <= x <= pictures.WIDTH + 20
    assert -5 <= y <= pictures.HEIGHT


@given(st.integers(400, 10_000), st.integers(10_000, 20_000))
def test_area_is_proportional(value: int, most: int) -> None:
    share = (pictures.radius(value, most) ** 2 * pi) / (pictures.radius(most, most) ** 2 * pi)
    assert abs(share - value / most) < 0.05


def test_bubbles_are_sorted_and_leave_out_nothing_but_zero() -> None:
    nobody = pictures.MapCountry("Nobody", 0.0, 0.0, 0)
    bubbles = pictures.bubbles([ICELAND, nobody, KENYA])
    assert [(b.name, b.radius, b.partner) for b in bubbles] == [("Kenya", 17.3, True), ("Iceland", 3.3, False)]


def test_names_stand_beside_their_bubbles_and_on_no_other() -> None:
    alone = pictures.bubbles([KENYA])[0]
    assert alone.label == pictures.MapLabel(round(alone.x + 20.3, 1), round(alone.y + 4, 1), "start")
    east = pictures.MapCountry("East of it", 0.6, 45.0, 4000)
    first, second = pictures.bubbles([KENYA, east])
    assert (first.label and first.label.anchor, second.label and second.label.anchor) == ("end", "start")


def test_names_that_find_no_place_are_left_out() -> None:
    crowd = [pictures.MapCountry(f"A rather long name {n}", 0.6 + n / 50, 37.8, 900 - n) for n in range(24)]
    named = [bubble for bubble in pictures.bubbles(crowd) if bubble.label]
    assert len(named) < 6


def test_scale_is_round() -> None:
    assert [value for value, _radius in pictures.scale([KENYA, ICELAND])] == [4000, 800, 100]
    assert pictures.scale([]) == []
