"""What is borne within a minute, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.web.request import limits
from lms.web.request.limits import TOKEN_CALLS, limiter
from tests.factories import Make


@pytest.fixture(autouse=True)
def _limited(app: APIFlask) -> Iterator[None]:
    limiter.enabled = True
    limiter.reset()
    yield
    limiter.reset()
    limiter.enabled = False


@pytest.mark.long
def test_a_token_bears_600_calls_a_minute_and_no_more(client: FlaskClient, make: Make) -> None:
    ada, bo = make.headers(make.person("Ada")), make.headers(make.person("Bo"))
    codes = [client.get("/api/v1/jobs/none", headers=ada).status_code for _ in range(TOKEN_CALLS.amount)]
    assert set(codes) == {404}
    refused = client.get("/api/v1/series", headers=ada)
    assert refused.status_code == 429
    assert refused.mimetype == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert client.get("/api/v1/series", headers=bo).status_code == 200  # another token
    assert client.get("/api/v1/series").status_code == 200  # none
    assert client.get("/api/v1/series", headers={"Authorization": "Bearer x"}).status_code == 401


def test_what_is_refused_counts_too(client: FlaskClient, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_CALLS", type(TOKEN_CALLS)(3))
    head = make.headers(make.person("Ada"))
    codes = [client.post("/api/v1/series", json={}, headers=head).status_code for _ in range(4)]
    assert codes == [403, 403, 403, 429]


def test_nothing_is_limited_in_a_demonstration(
    app: APIFlask, client: FlaskClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOKEN_CALLS", type(TOKEN_CALLS)(3))
    head = make.headers(make.person("Ada"))
    mark = app.extensions["lms.config"].demonstration_mark
    mark.write_text("{}")
    try:
        assert {client.get("/api/v1/series", headers=head).status_code for _ in range(9)} == {200}
        codes = {client.get("/api/v1/certificates/SR-0000-0000-0000-0000-0").status_code for _ in range(130)}
        assert codes == {404}
    finally:
        mark.unlink()


def test_heartbeats_are_not_limited_by_address(client: FlaskClient) -> None:
    codes = {
        client.post("/api/v1/lectures/1/presence", json={"room_token": "x", "seq": 1}).status_code for _ in range(700)
    }
    assert codes == {401}


def test_public_reads_bear_120_a_minute_from_one_address(client: FlaskClient, make: Make) -> None:
    head = make.headers(make.person("Ada"))
    path = "/api/v1/certificates/SR-0000-0000-0000-0000-0"
    assert {client.get(path).status_code for _ in range(60)} == {404}
    refused = client.get(path)
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert refused.headers["Retry-After"].isdigit()
    assert client.get("/api/v1/totals", headers=head).status_code == 200
