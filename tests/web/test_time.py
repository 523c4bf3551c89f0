"""Names of zones in the reader's language."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask import render_template_string

from lms.app import create_app
from lms.config import BadSetting, Config
from lms.core.base.settings import organiser_in
from lms.core.time import clock
from lms.core.time.dates import _zone_city
from lms.web.pages.time import ago, brief_moment, moment, near_day, one_decimal, whole_number, zone_city
from tests.languages import offering
from tests.rows import each_row


@each_row(
    "zone, locale, city",
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


@each_row("locale, text", [("en", "4.0"), ("fr", "4,0"), ("ru", "4,0")])
def test_a_mean_keeps_its_decimal(app: APIFlask, locale: str, text: str) -> None:
    with app.test_request_context(headers={"Accept-Language": locale}):
        assert one_decimal(4.04) == text


@each_row("value, text", [(0, "0"), (0.4, "less than 1"), (10_851.5, "10,852"), (7, "7")])
def test_whole_numbers_never_say_nothing_for_something(app: APIFlask, value: float, text: str) -> None:
    with app.test_request_context("/"):
        assert whole_number(value) == text


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


@each_row(
    "delta, words",
    [
        (timedelta(seconds=20), "in 1 minute"),
        (timedelta(minutes=90), "in 2 hours"),
        (timedelta(days=7), "in 7 days"),
        (timedelta(days=-13), "13 days ago"),
        (timedelta(days=-90), "3 months ago"),
    ],
)
def test_how_far_away_is_said_in_days(app: APIFlask, delta: timedelta, words: str) -> None:
    at = datetime(2026, 11, 25, tzinfo=UTC)
    with app.test_request_context("/"):
        assert ago(at + delta, at) == words


def test_a_day_near_by_needs_no_year(app: APIFlask) -> None:
    soon, old = clock.now() + timedelta(days=30), datetime(2020, 3, 4, tzinfo=UTC)
    with app.test_request_context("/"):
        assert near_day(soon, "UTC") == f"{soon:%a} {soon.day} {soon:%B}"
        assert near_day(old, "UTC") == "Wed 4 Mar 2020"
        assert brief_moment(soon.replace(hour=1, minute=0)) == f"{soon:%-d} {soon:%b}, 09:00"
        assert brief_moment(old) == "4 Mar 2020, 08:00"
    with offering(app, "ar"), app.test_request_context("/?lang=ar"):
        assert near_day(old, "UTC")


@each_row(
    "locale, expected",
    [
        ("en", "1 March 2020, 08:00"), ("fr", "1er mars 2020, 08:00"), ("es", "1 de marzo de 2020, 08:00"),
        ("ru", "1 марта 2020\u202fг., 08:00"), ("zh", "2020年3月1日 08:00"), ("ar", "1 مارس 2020، 08:00"),
    ],
)  # fmt: skip
def test_a_moment_is_written_as_each_language_writes_it(app: APIFlask, locale: str, expected: str) -> None:
    with app.test_request_context(f"/?lang={locale}"):
        assert moment(datetime(2020, 3, 1, 8, tzinfo=UTC), "UTC") == expected


@each_row(
    "locale, expected",
    [("en", "Beijing Ministry of Trade"), ("fr", "Beijing Ministère du commerce"), ("zh", "北京 商务部")],
)
def test_the_organiser_has_a_name_and_a_city_in_each_language(app: APIFlask, locale: str, expected: str) -> None:
    with app.test_request_context(f"/?lang={locale}"):
        assert f"{zone_city('Asia/Shanghai')} {organiser_in(locale)}" == expected


def test_another_organiser_does_not_get_the_names_of_the_default_one() -> None:
    config = Config.load({}, organiser="Port Academy", organiser_city="Mombasa")
    assert (config.organiser_names, config.organiser_city_names) == ("", "")
    assert Config.load({}, organiser="Port Academy", organiser_names="fr: École du port").organiser_names
    for wrong in ({"organiser_names": "Pékin"}, {"organiser_names": "xx: Pékin"}, {"languages": "en xx"}):
        with pytest.raises(BadSetting):
            Config.load({}, **wrong)


@each_row("locale, expected", [("en", "19,830 places"), ("es", "19.830 places"), ("fr", "19\u202f830 places")])
def test_the_count_in_a_plural_is_grouped(app: APIFlask, locale: str, expected: str) -> None:
    template = '{{ ngettext("%(num)s place without a translation", "%(num)s places", 19830) }}'
    with offering(app, locale), app.test_request_context(f"/?lang={locale}"):
        assert render_template_string(template) == expected


def test_macros_that_need_the_context_are_imported_with_it() -> None:
    """Without it the viewer's zone would be missing, in silence."""
    needing = re.compile(r'\{%-? *from "macros/(?:time|figures)\.html" import ([^%]*)%\}')
    bare = [
        f"{path.name}: {found[0].strip()}"
        for path in (Path(__file__).parents[2] / "lms").rglob("templates/**/*.html")
        for found in needing.finditer(path.read_text(encoding="utf-8"))
        if "with context" not in found[0] and not re.fullmatch(r"figures\s*-?", found[1].strip())
    ]
    assert bare == []
