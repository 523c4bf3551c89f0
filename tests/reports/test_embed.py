"""The figures in a frame on another site: the one page that may be framed, with nothing of the reader in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, BaseConverter, IntegerConverter

from lms.core.base.roles import SYSTEM, Role
from lms.reports.actions.public import refresh_public_figures
from tests.factories import Make
from tests.languages import offering
from tests.reports.world import World

AT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
MOST_BYTES = 30_000


@pytest.fixture
def programme(app: APIFlask, world: World) -> None:
    world.partner("KE")
    lecture = world.lecture(world.series(), datetime(2024, 5, 6, 4, tzinfo=UTC))
    world.attend(lecture, *(world.person(code) for code in ("KE", "UG") for _n in range(6)))
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)


@pytest.mark.usefixtures("programme")
def test_it_shows_the_public_figures(client: FlaskClient) -> None:
    text = " ".join(client.get("/impact/embed").text.split())
    shown = dict(re.findall(r'data-testid="figure-([a-z_]+)" data-value="(\d+)"', text))
    assert shown == {"sessions": "1", "participants": "12", "countries": "2", "partner_countries": "1"}
    assert "As at 25 November 2026, 06:00 in Beijing." in text
    assert "Kenya, partner country, Participants: 6" in text
    assert all('target="_blank" rel="noopener"' in link for link in re.findall(r"<a [^>]*>", text))


@pytest.mark.usefixtures("programme")
def test_it_alone_may_be_framed_and_runs_nothing(client: FlaskClient) -> None:
    answer = client.get("/impact/embed")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors *")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "X-Frame-Options" not in answer.headers
    assert "<script" not in answer.text
    assert "style=" not in answer.text


def _value_of(converter: BaseConverter) -> str:
    """A value that a part of an address takes."""
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return "1" if isinstance(converter, IntegerConverter) else "x"


@pytest.mark.long
@pytest.mark.usefixtures("programme")
def test_every_other_page_refuses_to_be_framed(app: APIFlask, client: FlaskClient, make: Make) -> None:
    make.sign_in(client, make.person(roles=[Role.ADMINISTRATOR], country=None))
    pages_asked = 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in {"static", "reports.embed"}:
            continue
        values = {name: _value_of(rule._converters[name]) for name in rule.arguments}
        path = app.url_map.bind("localhost").build(rule.endpoint, values)
        answer = client.get(quote(path))
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
        answer.close()
        pages_asked += 1
    assert pages_asked > 50
    assert "frame-ancestors 'none'" in client.get("/no-such-page").headers["Content-Security-Policy"]


@pytest.mark.usefixtures("programme")
def test_it_is_the_same_for_everybody_and_sets_no_cookie(app: APIFlask, client: FlaskClient, make: Make) -> None:
    anonymous = client.get("/impact/embed")
    assert anonymous.headers["Cache-Control"] == "public, max-age=600"
    make.sign_in(signed_in := app.test_client(), make.person(roles=[Role.ADMINISTRATOR], country=None))
    signed_in.set_cookie("lang", "fr")
    other = signed_in.get("/impact/embed")
    assert other.text == anonymous.text
    assert other.headers["Cache-Control"] == "no-store"
    for answer in (anonymous, other):
        assert "Set-Cookie" not in answer.headers


@pytest.mark.usefixtures("programme")
def test_it_speaks_the_language_that_is_asked_for(app: APIFlask, client: FlaskClient) -> None:
    with offering(app, "ar"):
        assert '<html lang="ar" dir="rtl">' in client.get("/impact/embed?lang=ar").text
    with offering(app):
        assert '<html lang="en" dir="ltr">' in client.get("/impact/embed?lang=ar").text
    assert '<html lang="en" dir="ltr">' in client.get("/impact/embed?lang=xx").text
    assert "Accept-Language" in client.get("/impact/embed").headers["Vary"]


@pytest.mark.usefixtures("programme")
def test_it_is_light(client: FlaskClient) -> None:
    packed = {"Accept-Encoding": "gzip"}
    page = client.get("/impact/embed").text
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(files) == 2
    sizes = [len(client.get(path, headers=packed).data) for path in ["/impact/embed", *files]]
    assert sum(sizes) < MOST_BYTES


def test_of_nothing_there_are_noughts(client: FlaskClient, world: World) -> None:
    text = client.get("/impact/embed").text
    assert 'data-testid="figure-participants" data-value="0"' in text
    assert "<svg" not in text
