"""Time zones: one name each, and the main one of each country."""

from __future__ import annotations

import csv

from lms.core.base.settings import resource
from lms.core.time.zones import canonical, main_zone, named_zone, territories
from tests.rows import each_row


@each_row(
    "name, expected",
    [
        ("Africa/Nairobi", "Africa/Nairobi"),
        ("Asia/Calcutta", "Asia/Kolkata"),  # as Chromium calls it
        ("Europe/Kiev", "Europe/Kyiv"),
        ("US/Eastern", "America/New_York"),
        ("Africa/Ouagadougou", "Africa/Ouagadougou"),  # of one clock with Abidjan, and of its own country
        ("Etc/UTC", "UTC"),
        ("Etc/GMT+3", "Etc/GMT+3"),
        ("Mars/Olympus", None),
        ("../etc/passwd", None),
        ("", None),
    ],
)
def test_each_zone_has_one_name(name: str, expected: str | None) -> None:
    assert canonical(name) == expected


@each_row(
    "country, zone",
    [
        ("KE", "Africa/Nairobi"), ("BF", "Africa/Ouagadougou"), ("RU", "Europe/Moscow"), ("BR", "America/Sao_Paulo"),
        ("CA", "America/Toronto"), ("AU", "Australia/Sydney"), ("US", "America/New_York"), ("KZ", "Asia/Almaty"),
        ("CD", "Africa/Kinshasa"), ("MN", "Asia/Ulaanbaatar"), ("ID", "Asia/Jakarta"), ("CN", "Asia/Shanghai"),
        ("UA", "Europe/Kyiv"), ("UZ", "Asia/Tashkent"), ("XK", "Europe/Belgrade"), ("ZZ", None), (None, None),
    ],
)  # fmt: skip
def test_a_country_has_the_zone_of_most_of_its_people(country: str | None, zone: str | None) -> None:
    assert main_zone(country) == zone


def test_every_inhabited_country_of_the_list_has_a_zone() -> None:
    with resource("seeds", "countries.csv").open(encoding="utf-8", newline="") as file:
        codes = [row["code"] for row in csv.DictReader(file)]
    assert [code for code in codes if main_zone(code) is None] == ["BV", "HM"]


def test_a_country_without_a_zone_of_its_own_is_chosen_by_its_code() -> None:
    assert named_zone("XK") == "Europe/Belgrade"
    assert "XK" not in territories().values()
