"""Names of zones in the reader's language."""

from __future__ import annotations

from pathlib import Path

import pytest
from apiflask import APIFlask

from lms.app import create_app
from lms.config import Config
from lms.web.time import _zone_city, zone_city


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


def test_the_organisers_zone_has_the_organisers_city(app: APIFlask) -> None:
    with app.test_request_context("/"):
        assert zone_city("Asia/Shanghai") == "Beijing"
        assert zone_city("Africa/Nairobi") == "Nairobi"


@pytest.mark.parametrize(
    ("settings", "city"),
    [({"organiser_city": ""}, "Shanghai"), ({"organiser_city": "Xi’an"}, "Xi’an")],
)
def test_the_organisers_city_is_a_setting(settings: dict[str, str], city: str, tmp_path: Path) -> None:
    app = create_app(Config.load({}, data=str(tmp_path), secret_key="tests-only", **settings))
    with app.test_request_context("/"):
        assert zone_city("Asia/Shanghai") == city


def test_another_zone_has_its_own_city() -> None:
    assert Config.load({}, reporting_zone="Africa/Nairobi").organiser_city == ""
