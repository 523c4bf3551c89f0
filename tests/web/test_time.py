"""Names of zones in the reader's language."""

from __future__ import annotations

import pytest

from lms.web.time import _zone_city


@pytest.mark.parametrize(
    ("zone", "locale", "city"),
    [
        ("Africa/Nairobi", "en", "Nairobi"),
        ("Africa/Nairobi", "ru", "Найроби"),
        ("America/Argentina/Buenos_Aires", "en", "Buenos Aires"),
        ("America/Argentina/Buenos_Aires", "ru", "Буэнос-Айрес"),
        ("Asia/Kolkata", "ar", "كالكتا"),
        ("Asia/Ho_Chi_Minh", "en", "Ho Chi Minh City"),
        ("Etc/GMT+5", "en", "GMT+5"),
    ],
)
def test_a_zone_is_named_by_its_city(zone: str, locale: str, city: str) -> None:
    assert _zone_city(zone, locale) == city
