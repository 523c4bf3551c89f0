"""Headers of every answer, and what a browser behind TLS sends back because of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.app import create_app
from lms.config import Config
from lms.core.database.session import db
from tests.forms import token_in
from tests.rows import each_row
from tests.tables import create_tables

ORIGIN = "https://lectures.example"


@pytest.fixture
def behind_tls(tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser on a site that is served over https."""
    app = create_app(Config.load({}, data=str(tmp_path), secret_key="tests-only", base_url=ORIGIN, log_level="ERROR"))
    with app.app_context():
        create_tables()
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def test_a_page_opened_by_a_secret_tells_others_the_origin_and_no_more(app: APIFlask, client: FlaskClient) -> None:
    paths = [str(rule) for rule in app.url_map.iter_rules() if "secret" in rule.arguments]
    assert {
        "/sign-in/<secret>",
        "/confirm/<secret>",
        "/reset/<secret>",
        "/account/address/<secret>",
        "/invitation/<secret>",
    } <= set(paths)
    for path in paths:
        answer = client.get(path.replace("<secret>", "guess"))
        sent = (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"])
        assert sent == ("strict-origin", "no-store"), path
    assert client.get("/sign-in").headers["Referrer-Policy"] == "same-origin"


@each_row(
    "referrer, status, message",
    [
        (f"{ORIGIN}/", 422, "E-mail"),
        (None, 400, "Your browser did not say which site the form came from."),
        ("https://evil.example/", 400, "The form was sent from another site."),
    ],
)
def test_over_https_a_form_needs_the_origin_it_was_on(
    behind_tls: FlaskClient, referrer: str | None, status: int, message: str
) -> None:
    token = token_in(behind_tls.get("/forgot", base_url=ORIGIN).text)
    headers = {} if referrer is None else {"Referer": referrer}
    answer = behind_tls.post("/forgot", data={"csrf_token": token}, headers=headers, base_url=ORIGIN)
    assert answer.status_code == status
    assert message in answer.text


@each_row("sent", [{}, {"csrf_token": "forged"}])
def test_a_form_without_its_token_says_to_load_it_again(behind_tls: FlaskClient, sent: dict[str, str]) -> None:
    behind_tls.get("/forgot", base_url=ORIGIN)
    answer = behind_tls.post("/forgot", data=sent, headers={"Referer": f"{ORIGIN}/"}, base_url=ORIGIN)
    assert answer.status_code == 400
    assert "This form has expired. Go back, reload the page and send it again." in answer.text
