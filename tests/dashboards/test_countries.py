"""The organiser's list of countries: renamed, ended, added; partnerships ask first and can be undone."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask.testing import FlaskClient

from lms.core.errors import Forbidden, Invalid
from lms.core.roles import SYSTEM
from lms.people.actions.countries import add_country, change_country, set_partnerships
from lms.people.queries.countries import country_by_code, country_names, partner_spans
from tests.dashboards.conftest import World

pytestmark = pytest.mark.databases


@pytest.fixture
def administrator(world: World) -> FlaskClient:
    return world.signed_in(world.make.person("Ada Min", roles=["administrator"]))


def send(client: FlaskClient, page: str, path: str = "", **fields: str | list[str]) -> str:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page).text)
    assert token is not None
    return client.post(path or page, data={"csrf_token": token[1], **fields}, follow_redirects=True).text


def spans(world: World, code: str) -> list[tuple[date, date | None]]:
    with world.make.app.app_context():
        country = country_by_code(code)
        assert country is not None
        return partner_spans().get(country.id, [])


def test_a_partnership_shows_the_figure_first_and_can_be_undone(world: World, administrator: FlaskClient) -> None:
    page, path = "/admin/countries/KE", "/admin/countries/KE/partner"
    before = spans(world, "KE")
    asked = send(administrator, page, path, since=["2020-03-01", "2024-01-01"], until=["2022-12-31", ""])
    told = re.search(r"Partner countries in our totals: (\d+) → (\d+)\.", asked)
    assert told is not None
    assert int(told[2]) == int(told[1]) + 1
    assert spans(world, "KE") == before
    given = {"since": ["2020-03-01", "2024-01-01"], "until": ["2022-12-31", ""]}
    assert "The partnership was saved." in send(administrator, page, path, confirm="1", **given)
    assert spans(world, "KE") == [(date(2020, 3, 1), date(2022, 12, 31)), (date(2024, 1, 1), None)]
    assert 'data-testid="undo-partner"' in administrator.get(page).text
    send(administrator, page, path, confirm="1")  # as the button that undoes it sends it: there were none
    assert spans(world, "KE") == before
    refused = send(administrator, page, path, since=["2020-03-01", "2021-01-01"], until=["", ""])
    assert "Two spans overlap." in refused


def test_a_country_is_renamed_and_ended_in_the_page(world: World, administrator: FlaskClient) -> None:
    page = "/admin/countries/SZ"
    saved = send(administrator, page, name_en="Kingdom of Eswatini", region="202", valid_until="2030-01-01")
    assert "Saved." in saved
    with world.make.app.app_context():
        assert country_names("en")["SZ"] == "Kingdom of Eswatini"
    send(administrator, page, name_en="", region="202", valid_until="2020-01-01")
    register = world.make.app.test_client().get("/register").text
    assert 'value="KE"' in register
    assert 'value="SZ"' not in register
    send(administrator, page, name_en="", region="202")
    with world.make.app.app_context():
        country = country_by_code("SZ")
        assert country is not None
        assert (country_names("en")["SZ"], country.valid_until) == ("Eswatini", None)
    assert "Use at most 100 characters." in send(administrator, page, name_en="x" * 101)


@pytest.mark.usefixtures("context")
def test_an_own_country_has_a_code_that_is_free_and_an_english_name(world: World) -> None:
    for code, names in (("K", {"en": "K"}), ("KE", {"en": "Kenya"}), ("Q-1", {"en": "Q"}), ("QX", {"fr": "Q"})):
        with pytest.raises(Invalid):
            add_country(code, names, region=None, by=SYSTEM, at=world.at)
    actor = world.make.actor(roles=["reporter"])
    with pytest.raises(Forbidden):
        add_country("QZ", {"en": "Q"}, region=None, by=actor, at=world.at)
    with pytest.raises(Forbidden):
        change_country("KE", {}, region=None, valid_until=None, by=actor, at=world.at)
    with pytest.raises(Forbidden):
        set_partnerships("KE", [], by=actor, at=world.at)
