"""The organiser's list of countries: renamed, ended, added; partnerships ask first and can be undone."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask.testing import FlaskClient

from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.roles import SYSTEM
from lms.people.actions.countries import add_country, change_country, set_partnerships
from lms.people.queries.countries import country_by_code, country_names, notice_in, partner_spans
from tests.dashboards.conftest import World
from tests.forms import token_in

pytestmark = pytest.mark.databases


@pytest.fixture
def administrator(world: World) -> FlaskClient:
    return world.signed_in(world.make.person("Ada Min", roles=["administrator"]))


def send(client: FlaskClient, page: str, path: str = "", **fields: str | list[str]) -> str:
    return client.post(
        path or page, data={"csrf_token": token_in(client.get(page).text), **fields}, follow_redirects=True
    ).text


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


def test_the_last_change_is_undone_unless_someone_changed_the_country_since(
    world: World, administrator: FlaskClient
) -> None:
    page = "/admin/countries/SZ"
    send(administrator, page, name_en="Swaziland", region="202", notice_en="Bring your visa letter.")
    text = administrator.get(page).text
    assert "English: Eswatini → Swaziland" in text
    change = re.search(r'name="change" value="(\d+)"', text)
    assert change is not None
    send(administrator, page, name_en="Swaziland", region="202", notice_en="No visa needed.")
    refused = send(administrator, page, f"{page}/undo", change=change[1])
    assert "Someone else changed this country in the meantime." in refused
    for notice in ("Bring your visa letter.", "No visa needed."):  # the second undoes the undoing
        last = re.search(r'name="change" value="(\d+)"', administrator.get(page).text)
        assert last is not None
        undone = send(administrator, page, f"{page}/undo", change=last[1])
        assert "The last change was undone." in undone
        assert notice in undone
    assert administrator.get(page).text.count('data-verb="change_country"') >= 4
    send(administrator, page, name_en="", region="202", notice_en="")


def test_people_of_a_country_read_its_notice_where_they_enrol_and_correct_their_country(
    world: World, administrator: FlaskClient
) -> None:
    series, page = f"/series/{world.series.slug}", "/admin/countries/KE"
    send(administrator, page, region="202", notice_en="Ask the embassy.")
    kenyan, ugandan, stateless = (world.make.person(country=code) for code in ("KE", "UG", None))
    for path in (series, "/account"):
        assert "Ask the embassy." in world.signed_in(kenyan).get(path).text
        for other in (ugandan, stateless):
            shown = world.signed_in(other).get(path)
            assert (shown.status_code, "Ask the embassy." in shown.text) == (200, False)
    assert "Ask the embassy." not in world.make.app.test_client().get(series).text
    assert "Use at most 1000 characters." in send(administrator, page, notice_en="x" * 1001)
    send(administrator, page, region="202")


def test_a_notice_is_read_in_the_own_language_else_in_english_else_in_any() -> None:
    texts = {"ar": "ملاحظة", "en": "Note", "fr": "Avis"}
    for locale, found in (("fr-CA", "Avis"), ("zh", "Note"), ("ar", "ملاحظة")):
        notice = notice_in(texts, "KE", locale)
        assert notice is not None
        assert notice.text == found
    assert notice_in({"fr": "Avis"}, "KE", "zh") == ("Avis", "fr", "KE")
    assert notice_in({}, "KE", "en") is None


def test_the_api_changes_what_is_sent_all_or_nothing(world: World) -> None:
    head = world.make.headers(world.make.person("Ada Min", roles=["administrator"]))
    client, path = world.make.app.test_client(), "/api/v1/countries/sz"
    before = client.get(path, headers=head).json
    spans = [{"since": "2024-01-01", "until": None}]
    changed = client.patch(path, headers=head, json={"notices": {"en": "Bring a letter."}, "partner": spans}).json
    assert before is not None
    assert changed == {**before, "notices": {"en": "Bring a letter."}, "partner": spans}
    bad = {"names": {"en": "Swaziland"}, "partner": [{"since": "2024-01-01", "until": "2023-01-01"}]}
    assert client.patch(path, headers=head, json=bad).status_code == 422
    assert client.get(path, headers=head).json == changed
    assert client.patch(path, headers=head, json={"notices": {}, "partner": []}).json == before
    taken = client.post("/api/v1/countries", headers=head, json={"code": "KE", "names": {"en": "K"}})
    assert taken.status_code == 422
    assert client.get("/api/v1/countries/QQ", headers=head).status_code == 404
