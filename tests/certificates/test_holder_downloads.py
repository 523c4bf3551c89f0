"""What a holder takes along and shows to others, and what verifiers anywhere read."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import text

from lms.certificates import handlers, keys
from lms.certificates.actions import awards, changes
from lms.certificates.badges import baking, status_list, vc_jwt
from lms.core.base.events import PersonExportAsked
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from tests.certificates.conftest import Programme
from tests.certificates.test_badges import independent
from tests.certificates.test_status_list import KIND, number_of, row_of
from tests.certificates.test_views import sign_in

__all__ = ["sign_in"]

SignIn = Callable[[Actor], FlaskClient]
Make = Callable[..., Programme]


@pytest.fixture
def made(app: APIFlask, programme: Make, at: datetime) -> Programme:
    series = programme({"Ada": "aaa", "Bo": "aaa"}, title="Trade & “customs” +1", slug="trade")
    with app.app_context():
        awards.issue_batch(series.series_id, KIND, list(series.people.values()), by=SYSTEM, at=at)
    return series


@pytest.fixture
def number(app: APIFlask, made: Programme) -> str:
    with app.app_context():
        return number_of("Ada")


def test_the_holder_downloads_the_badge(app: APIFlask, made: Programme, number: str, sign_in: SignIn) -> None:
    browser = sign_in(made.holder("Ada"))
    with app.app_context():
        token = row_of("Ada").credential or ""
    answer = browser.get(f"/certificates/{number}.jwt")
    assert (answer.status_code, answer.text) == (200, token)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{number}.jwt"'
    answer = browser.get(f"/certificates/{number}.png")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert baking.unbake(answer.data) == token
    assert int.from_bytes(answer.data[16:20], "big") == int.from_bytes(answer.data[20:24], "big") == 600


def test_others_get_no_badge(made: Programme, number: str, sign_in: SignIn, client: FlaskClient) -> None:
    for ending in ("png", "jwt"):
        assert sign_in(made.holder("Bo")).get(f"/certificates/{number}.{ending}").status_code == 403
        assert client.get(f"/certificates/{number}.{ending}").status_code == 302


def test_a_badge_that_does_not_hold_is_not_given_out(
    app: APIFlask, made: Programme, number: str, administrator: Actor, at: datetime, sign_in: SignIn
) -> None:
    browser = sign_in(administrator)
    assert browser.get(f"/certificates/{number}.png").status_code == 200
    with app.app_context():
        changes.withdraw(number, by=administrator, at=at)
        assert row_of("Ada").credential is None
        db.session.execute(text("UPDATE certificate SET credential = NULL"))
        db.session.commit()
        other = number_of("Bo")
    assert browser.get(f"/certificates/{number}.png").status_code == 409
    answer = browser.get(f"/certificates/{other}.jwt")
    assert (answer.status_code, "This certificate has no badge" in answer.text) == (409, True)


def test_the_page_offers_link_badge_and_linkedin(
    made: Programme, number: str, sign_in: SignIn, administrator: Actor
) -> None:
    page = sign_in(made.holder("Ada")).get(f"/certificates/{number}").text
    assert f'value="http://localhost/verify/{number}"' in page
    assert f'href="/certificates/{number}.png"' in page
    found = re.search(r'href="(https://www\.linkedin\.com/[^"]+)"', page)
    assert found is not None
    address = urlsplit(html.unescape(found[1]))
    assert address.path == "/profile/add"
    assert parse_qs(address.query, strict_parsing=True) == {
        "startTask": ["CERTIFICATION_NAME"],
        "name": ["Certificate of participation: Trade & “customs” +1"],
        "organizationName": ["Ministry of Trade"],
        "issueYear": ["2026"],
        "issueMonth": ["11"],
        "certUrl": [f"http://localhost/verify/{number}"],
        "certId": [number],
    }
    assert "Trade+%26+%E2%80%9Ccustoms%E2%80%9D+%2B1" in address.query
    assert "linkedin" not in sign_in(administrator).get(f"/certificates/{number}").text


def test_the_keys_are_published_to_verifiers_anywhere(client: FlaskClient, app: APIFlask, at: datetime) -> None:
    with app.app_context():
        old = keys.current().kid
        keys.rotate_key(by=SYSTEM, at=at)
        expected, address = keys.published_jwks(), keys.key_address("http://localhost", old)
    answer = client.get("/.well-known/jwks.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/jwk-set+json")
    assert json.loads(answer.text) == expected
    assert {old, address} <= {jwk["kid"] for jwk in expected["keys"]}
    assert not any("d" in jwk for jwk in expected["keys"])
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert client.get("/.well-known/jwks.json", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_lists_of_states_are_published(client: FlaskClient, app: APIFlask, made: Programme) -> None:
    answer = client.get("/certificates/status/1")
    assert (answer.status_code, answer.mimetype) == (200, "application/vc+jwt")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    with app.app_context():
        claims = vc_jwt.read_claims(answer.text, keys.public_jwks())
    assert claims is not None
    assert claims["id"] == "http://localhost/certificates/status/1"
    assert client.get("/certificates/status/2").status_code == 404
    assert len(answer.data) < 2000


@pytest.mark.present
def test_what_the_doors_give_is_accepted_by_others(
    client: FlaskClient, app: APIFlask, made: Programme, number: str, sign_in: SignIn
) -> None:
    """With nothing but what is published and what the holder has."""
    token = sign_in(made.holder("Ada")).get(f"/certificates/{number}.jwt").text
    address = vc_jwt.unproved(token)[1]["credentialStatus"]["statusListCredential"]
    lists = {address: client.get(urlsplit(address).path).text}
    jwks = client.get("/.well-known/jwks.json").json
    assert independent(jwks=jwks, badges=[token], lists=lists)["badges"] == [None]
    assert status_list.TTL.total_seconds() == 300


def test_a_persons_export_holds_the_badge(app: APIFlask, made: Programme, at: datetime) -> None:
    with app.app_context():
        event = PersonExportAsked(by=SYSTEM, at=at, person_id=made.people["Ada"], parts={})
        handlers.export(event)
        (one,) = event.parts["certificates"]
        assert one["badge"] == row_of("Ada").credential
