"""The API of people."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.base.events import KEY, PeopleCountriesChanged, PersonNameCorrected
from lms.core.database.session import db
from lms.people.models import Person
from tests.factories import PASSWORD, Make
from tests.rows import each_row


@pytest.mark.databases
def test_a_token_is_made_and_signs_calls(make: Make, client: FlaskClient) -> None:
    person = make.person(email="a@example.org", password=PASSWORD)
    answer = client.post("/api/v1/tokens", json={"email": "A@Example.org", "password": PASSWORD, "name": "tests"})
    assert answer.status_code == 201
    assert set(answer.json) == {"token", "id", "expires_at"}
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    assert client.get(f"/api/v1/people/{person.public_id}", headers=headers).json == {
        "id": person.public_id,
        "email": "a@example.org",
        "full_name": person.full_name,
        "native_name": None,
        "country": "KE",
        "sector": None,
        "organisation": None,
        "job_title": None,
        "gender": None,
        "locale": "en",
        "time_zone": None,
    }


@pytest.fixture
def holder(make: Make) -> None:
    """Somebody with an account."""
    make.person(email="a@example.org", password=PASSWORD)


@pytest.mark.usefixtures("holder")
@each_row(
    "given, status, field",
    [
        ({"email": "a@example.org", "password": "wrong"}, 401, None),
        ({"email": "nobody@example.org", "password": "wrong"}, 401, None),
        ({"email": "a@example.org"}, 422, "password"),
        ({"email": "a@example.org", "password": PASSWORD, "role": "administrator"}, 422, "role"),
        ({"email": "a@example.org", "password": PASSWORD, "scopes": ["everything"]}, 422, "scopes"),
    ],
)
def test_tokens_are_refused(client: FlaskClient, given: dict[str, Any], status: int, field: str | None) -> None:
    answer = client.post("/api/v1/tokens", json=given)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert [error["field"] for error in answer.json.get("errors", [])] == ([field] if field else [])


def test_a_body_that_is_no_json_is_400_and_another_kind_415(client: FlaskClient) -> None:
    assert client.post("/api/v1/tokens", data="{", content_type="application/json").status_code == 400
    assert client.post("/api/v1/tokens", data="a=b", content_type="text/plain").status_code == 415


def test_the_session_cookie_does_not_count(make: Make, client: FlaskClient) -> None:
    person = make.person()
    make.sign_in(client, person)
    assert client.get(f"/api/v1/people/{person.public_id}").status_code == 401
    assert client.patch(f"/api/v1/people/{person.public_id}", json={"full_name": "Ada"}).status_code == 401


@pytest.mark.databases
def test_a_patch_changes_what_is_given_and_says_so_up_the_tower(
    make: Make, client: FlaskClient, app: APIFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[object] = []
    handlers = {PersonNameCorrected: [published.append], PeopleCountriesChanged: [published.append]}
    monkeypatch.setattr(app.extensions[KEY], "handlers", handlers)
    person = make.person(country="KE")
    headers = make.headers(make.person(roles=["administrator"]))
    path = f"/api/v1/people/{person.public_id}"
    given = {"full_name": "  Achieng\u00a0 Odhiambo\u202e ", "country": "UG", "country_from": "2025-06-01"}
    answer = client.patch(path, headers=headers, json=given)
    assert answer.status_code == 200
    assert (answer.json["full_name"], answer.json["country"]) == ("Achieng Odhiambo", "UG")
    assert [type(event).__name__ for event in published] == ["PersonNameCorrected", "PeopleCountriesChanged"]
    published.clear()
    assert client.patch(path, headers=headers, json=given).status_code == 200
    assert published == []
    cleared = client.patch(path, headers=headers, json={"country": None, "sector": "academia"})
    assert (cleared.json["country"], cleared.json["sector"]) == (None, "academia")


def test_oneself_changes_all_but_the_history(make: Make, client: FlaskClient) -> None:
    person = make.person(country="KE")
    headers, path = make.headers(person), f"/api/v1/people/{person.public_id}"
    assert client.patch(path, headers=headers, json={"country": "UG"}).json["country"] == "UG"
    past = client.patch(path, headers=headers, json={"country": "TZ", "country_from": "2020-01-01"})
    assert past.status_code == 403


@each_row(
    "given, field",
    [
        ({"full_name": ""}, "full_name"),
        ({"full_name": None}, "full_name"),
        ({"full_name": "\u200b"}, "full_name"),
        ({"full_name": "x" * 201}, "full_name"),
        ({"sector": "magic"}, "sector"),
        ({"gender": "x"}, "gender"),
        ({"country": "ZZ"}, "country"),
        ({"country_from": "2025-06-01"}, "country"),
        ({"country": "UG", "country_from": "soon"}, "country_from"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"locale": "tlh"}, "locale"),
        ({"organisation": "x" * 201}, "organisation"),
        ({"email": "b@example.org"}, "email"),
        ({"roles": ["administrator"]}, "roles"),
    ],
)
def test_a_patch_names_the_field(make: Make, client: FlaskClient, given: dict[str, Any], field: str) -> None:
    person = make.person()
    headers = make.headers(make.person(roles=["administrator"]))
    answer = client.patch(f"/api/v1/people/{person.public_id}", headers=headers, json=given)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]
    with client.application.app_context():
        assert db.session.get_one(Person, person.id).full_name == person.full_name
