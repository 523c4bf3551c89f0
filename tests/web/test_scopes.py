"""Tokens that may do part of what their owner may."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.web.request.guards import SCOPES
from tests.factories import PASSWORD, Make
from tests.forms import token_in

WITHOUT = {
    "people_api.create_token",
    "live_api.presence",
    "live_api.presence_kept",
    "dashboards_api.docs",
    "dashboards_api.resource_docs",
    "openapi.spec",
}
"""What is called with a password, with a room token, or read by anybody without a token."""


def token(client: FlaskClient, email: str, **more: Any) -> Any:
    return client.post("/api/v1/tokens", json={"email": email, "password": PASSWORD, "name": "tests", **more})


def bearer(answer: Any) -> dict[str, str]:
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json['token']}"}


def test_every_call_names_its_scope(app: APIFlask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/") and rule.endpoint not in WITHOUT:
            scope = getattr(app.view_functions[rule.endpoint], "scope", None)
            assert scope in SCOPES, rule
            assert scope.endswith(":read" if "GET" in (rule.methods or ()) else ":write"), rule


def test_every_scope_is_asked_for(app: APIFlask) -> None:
    scopes = {getattr(view, "scope", None) for view in app.view_functions.values()}
    assert set(SCOPES) == scopes - {None}


def test_a_token_may_do_what_its_scopes_say_and_no_more(client: FlaskClient, make: Make) -> None:
    person = make.person("Ada", email="ada@x.example", roles=["administrator"], password=PASSWORD)
    make.series("cotton")
    head = bearer(token(client, "ada@x.example", scopes=["series:read", "totals:read"]))
    assert client.get("/api/v1/series/cotton", headers=head).status_code == 200
    assert client.get("/api/v1/totals", headers=head).status_code == 200
    for method, path, scope in (
        ("PATCH", "/api/v1/series/cotton", "series:write"),
        ("GET", "/api/v1/series/cotton/enrolments", "enrolments:read"),
        ("GET", f"/api/v1/people/{person.public_id}", "people:read"),
        ("POST", "/api/v1/series/cotton/certificates", "certificates:write"),
    ):
        answer = client.open(path, method=method, headers=head, json={} if method != "GET" else None)
        assert answer.status_code == 403, path
        assert answer.mimetype == "application/problem+json"
        assert answer.json is not None
        assert f"does not have the scope {scope}." in answer.json["detail"]
    assert client.get("/api/v1/series/none", headers=head).status_code == 404


@pytest.mark.parametrize("given", [{}, {"scopes": []}])
def test_without_scopes_a_token_may_do_all_that_its_owner_may(
    client: FlaskClient, make: Make, given: dict[str, Any]
) -> None:
    make.person("Ada", email="ada@x.example", roles=["administrator"], password=PASSWORD)
    head = bearer(token(client, "ada@x.example", **given))
    assert client.post("/api/v1/series", headers=head, json={"slug": "a", "title": "A"}).status_code == 201


def test_scopes_give_nothing_that_the_owner_may_not(client: FlaskClient, make: Make) -> None:
    make.person("Bo", email="bo@x.example", password=PASSWORD)
    head = bearer(token(client, "bo@x.example", scopes=list(SCOPES)))
    answer = client.post("/api/v1/series", headers=head, json={"slug": "a", "title": "A"})
    assert answer.status_code == 403
    assert "scope" not in (answer.json or {})["detail"]


def test_an_unknown_scope_is_refused(client: FlaskClient, make: Make) -> None:
    make.person("Ada", email="ada@x.example", password=PASSWORD)
    answer = token(client, "ada@x.example", scopes=["series:read", "everything"])
    assert answer.status_code == 422
    assert [error["field"].split(".")[0] for error in (answer.json or {})["errors"]] == ["scopes"]


def test_the_page_offers_scopes_and_shows_them(client: FlaskClient, make: Make) -> None:
    make.sign_in(client, make.person("Ada"))
    page = client.get("/account/security").text
    for name in SCOPES:
        assert f'value="{name}"' in page
    token = token_in(page)

    def post(**form: Any) -> Any:
        return client.post("/account/tokens", data={"csrf_token": token, "current_password": PASSWORD, **form})

    made = post(name="robot", scopes=["series:read", "totals:read"])
    assert made.status_code == 200
    assert "<code>series:read</code> <code>totals:read</code>" in made.text
    post(name="other")
    assert "Full access" in client.get("/account/security").text
    assert post(name="x", scopes=["all"]).status_code == 422
