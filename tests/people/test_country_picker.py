"""The list that people choose a country from: partners first, the others by continent, by name in their language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import delete

from lms.core.database.session import db
from lms.people.forms import country_choices, grouped_choices
from lms.people.models import Partnership
from lms.people.queries.countries import countries_meant, country_ids, country_names
from lms.people.queries.country_names import code_of_name
from tests.factories import Make
from tests.rows import each_row

CONTINENTS = ["Africa", "Americas", "Asia", "Europe", "Oceania"]


@pytest.fixture(autouse=True)
def partners(app: APIFlask) -> Iterator[None]:
    """Two partners, and one whose partnership is over."""
    with app.app_context():
        ids = country_ids()
        since = date(2019, 1, 1)
        db.session.add_all(
            [
                Partnership(country_id=ids["KE"], since=since),
                Partnership(country_id=ids["FJ"], since=since),
                Partnership(country_id=ids["FR"], since=since, until=date(2020, 1, 1)),
            ]
        )
        db.session.commit()
        yield
        db.session.execute(delete(Partnership))
        db.session.commit()


def groups(locale: str) -> dict[str | None, list[str]]:
    """The codes of the choices by their group."""
    by_group: dict[str | None, list[str]] = {}
    for choice in country_choices(locale, "Choose"):
        by_group.setdefault(choice.optgroup, []).append(choice.value)
    return by_group


@pytest.mark.usefixtures("context")
def test_partners_come_first_and_the_others_by_continent() -> None:
    by_group = groups("en")
    assert list(by_group) == [None, "Partner countries", *CONTINENTS, "Other countries and areas"]
    assert by_group["Partner countries"] == ["FJ", "KE"]
    assert {"FR", "DE", "NO"} <= set(by_group["Europe"])
    assert "NZ" in by_group["Oceania"]
    assert by_group["Other countries and areas"] == ["AQ"]
    codes = [code for listed in by_group.values() for code in listed]
    assert len(codes) == len(set(codes)) == 1 + len(country_names("en"))


@pytest.mark.usefixtures("context")
@each_row(
    "locale, group, names",
    [
        ("fr", "Europe", ["Albanie", "Allemagne", "Andorre"]),
        ("ru", "Европа", ["Австрия", "Албания", "Андорра"]),
        ("zh", "欧洲", ["阿尔巴尼亚", "爱尔兰", "爱沙尼亚"]),
        ("ar", "أوروبا", ["إسبانيا", "إستونيا", "ألبانيا"]),
    ],
)
def test_groups_and_names_are_in_the_order_of_the_readers_language(locale: str, group: str, names: list[str]) -> None:
    labels = [choice.label for choice in country_choices(locale, "") if choice.optgroup == group]
    places = [labels.index(name) for name in names]
    assert places == sorted(places)
    assert labels[0] in {names[0], "آيسلندا"}


@pytest.mark.usefixtures("context")
def test_a_few_countries_are_not_grouped() -> None:
    few = {"KE": "Kenya", "AT": "Austria"}
    assert [(choice.value, choice.optgroup) for choice in grouped_choices(few, "en")] == [("AT", None), ("KE", None)]


def test_registering_offers_groups_and_keeps_the_choice(post: Callable[..., Any]) -> None:
    text = post("/register", country="KE").text
    labels = re.findall(r'<optgroup label="([^"]*)">', text)
    assert labels == ["Partner countries", *CONTINENTS, "Other countries and areas"]
    assert '<option selected value="KE">Kenya</option>' in text


def test_people_are_found_by_the_name_of_their_country(client: FlaskClient, make: Make) -> None:
    make.sign_in(client, make.person(roles=["administrator"]))
    assert '<optgroup label="Partner countries">' in client.get("/admin/people").text
    for typed, codes in (("tanzania", ["TZ"]), ("ke", ["KE"]), ("Congo", ["CD", "CG"]), ("Chad Smith", [])):
        text = client.get("/admin/people", query_string={"q": typed}).text
        assert re.findall(r'<a href="/admin/people\?country=(\w+)">Show everyone from', text) == codes


@pytest.mark.usefixtures("context")
@each_row(
    "typed, codes",
    [("KE", ["KE"]), ("Côte d'Ivoire", ["CI"]), ("Ivory Coast", ["CI"]), ("Korea", ["KP", "KR"]), ("", []), ("x", [])],
)
def test_a_code_or_any_name_means_a_country(typed: str, codes: list[str]) -> None:
    assert sorted(countries_meant(typed, country_names("en"))) == codes
    assert code_of_name(typed) in {*codes, None}
