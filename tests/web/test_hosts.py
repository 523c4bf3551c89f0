"""The site has one address, `LMS_BASE_URL`: other hosts are refused, and no answer repeats one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from apiflask import APIFlask

from lms.app import create_app
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.actions.countries import load_countries
from tests.rows import each_row
from tests.tables import create_tables

Serve = Callable[..., APIFlask]
BASE = "https://lectures.example"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Makes the application for a base address, once for all rows of a test."""
    made: list[APIFlask] = []

    @cache
    def work(base_url: str = BASE, *, demonstration: bool = False, **settings: str) -> APIFlask:
        given = {"secret_key": "tests-only", "log_level": "ERROR", **settings}
        config = Config.load({}, data=str(tmp_path), base_url=base_url, **given)
        if demonstration:
            config.demonstration_mark.write_text("{}")
        app = create_app(config)
        with app.app_context():
            create_tables()
            load_countries(by=SYSTEM, at=clock.now())
        made.append(app)
        return app

    yield work
    for app in made:
        with app.app_context():
            db.engine.dispose()


@each_row(
    "host",
    [
        "evil.example",
        "lectures.example.evil.example",
        "evil.example:443",
        "x@lectures.example",
        "localhost",
        "127.0.0.1",
        "lectures.example, evil.example",
        "",
    ],
)
def test_other_hosts_are_refused_with_a_plain_page(serve: Serve, host: str) -> None:
    client = serve().test_client()
    for path in ("/", "/api/v1/openapi.json", "/static/x.css", "/nowhere"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.text) == (400, f"This site is at {BASE}\n"), path
        assert answer.mimetype == "text/plain"


@each_row("host", ["lectures.example", "LECTURES.example", "lectures.example:443", "lectures.example:8443"])
def test_its_own_host_is_answered_whatever_the_port(serve: Serve, host: str) -> None:
    assert serve().test_client().get("/", headers={"Host": host}).status_code == 200


@each_row("path", ["/healthz", "/readyz"])
def test_monitors_may_ask_by_any_address(serve: Serve, path: str) -> None:
    client = serve().test_client()
    for host in ("127.0.0.1:8000", "10.0.0.7:8000", "serai-web-1"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 200, host
        assert host not in answer.text + str(answer.headers)


@each_row("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "localhost:8123"])
def test_a_site_at_loopback_is_answered_by_each_of_its_names(serve: Serve, host: str) -> None:
    client = serve("http://127.0.0.1:8000").test_client()
    assert client.get("/", headers={"Host": host}).status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_demonstration_is_answered_by_any_name_and_keeps_its_own(serve: Serve) -> None:
    client = serve("http://127.0.0.1:8123", demonstration=True).test_client()
    for host in ("localhost:8123", "demo.ministry.example", "172.17.0.2:8123"):
        assert client.get("/", headers={"Host": host}).status_code == 200
        document = client.get("/api/v1/openapi.json", headers={"Host": host})
        assert json.loads(document.text)["servers"] == [{"url": "http://127.0.0.1:8123"}]


@pytest.mark.parametrize("forged", [{}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}])
@pytest.mark.parametrize("proxies", ["0", "1"])
def test_what_is_absolute_comes_from_the_base_address(serve: Serve, proxies: str, forged: dict[str, str]) -> None:
    app = serve(proxies=proxies)
    client = app.test_client()
    headers = {"Host": "lectures.example:8443", **forged}
    document = json.loads(client.get("/api/v1/openapi.json", headers=headers).text)
    assert document["servers"] == [{"url": BASE}]
    moved = client.get("/series//parcels", headers=headers)
    assert (moved.status_code, moved.location) == (308, f"{BASE}/series/parcels")
    seen: list[tuple[str, bool]] = []
    app.before_request_funcs.setdefault(None, []).append(lambda: seen.append(whole_address()))

    def whole_address() -> tuple[str, bool]:
        from flask import request

        return request.url_root, request.is_secure

    client.get("/", headers=headers)
    assert seen == [(f"{BASE}/", True)]


def test_the_address_of_a_reader_is_what_the_trusted_proxy_says(serve: Serve) -> None:
    from flask import request

    app = serve(proxies="1")
    seen: list[str | None] = []
    app.before_request_funcs.setdefault(None, []).append(lambda: seen.append(request.remote_addr))
    headers = {"Host": "lectures.example", "X-Forwarded-For": "10.9.9.9, 203.0.113.7"}
    app.test_client().get("/", headers=headers)
    assert seen == ["203.0.113.7"]
