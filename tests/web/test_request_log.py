"""Each request has an id, one line in the log, and a reference on the pages of errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from apiflask import APIFlask
from flask import g

from lms.app import create_app
from lms.config import Config
from lms.core.base import logs
from lms.core.base.errors import Forbidden
from lms.core.base.roles import ANONYMOUS
from lms.core.database.session import db
from lms.web.request.guards import ANYONE, allow
from tests.rows import each_row


class Lines:
    """The lines that are logged."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._capfd.readouterr().err.splitlines()]


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Lines:
    logs.configure("INFO")
    return Lines(capfd)


def broken(folder: Path, **settings: str) -> APIFlask:
    """An application with pages that fail, as it would run on a server."""
    app = create_app(
        Config.load({}, data=str(folder), secret_key="tests-only", base_url="http://localhost", **settings)
    )

    @allow(ANYONE)
    def fails() -> str:
        structlog.get_logger("tests").info("before it fails")
        raise KeyError("nothing personal")

    @allow(ANYONE)
    def forbidden() -> str:
        raise Forbidden

    for path in ("/fails", "/api/v1/fails"):
        app.add_url_rule(path, endpoint=path, view_func=fails)
        app.add_url_rule(f"{path}-forbidden", endpoint=f"{path}-forbidden", view_func=forbidden)
    with app.app_context():
        db.create_all()
    return app


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIFlask]:
    app = broken(tmp_path_factory.mktemp("direct"))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIFlask]:
    app = broken(tmp_path_factory.mktemp("proxy"), proxies="1")
    yield app
    with app.app_context():
        db.engine.dispose()


def test_every_line_of_a_request_has_its_id_and_so_has_the_answer(direct: APIFlask, lines: Lines) -> None:
    answer = direct.test_client().get("/fails?secret=s3cret")
    logged = lines.read()
    assert [line["event"] for line in logged] == ["before it fails", "unexpected", "request"]
    assert {line["request_id"] for line in logged} == {answer.headers["X-Request-ID"]}
    assert "s3cret" not in json.dumps(logged)
    assert 'data-testid="reference"' in answer.text
    assert f"quote the reference: {answer.headers['X-Request-ID']}</p>" in answer.text


def test_a_problem_has_the_id_where_there_is_something_to_report(direct: APIFlask) -> None:
    client = direct.test_client()
    for path, status in (("/api/v1/fails", 500), ("/api/v1/fails-forbidden", 403)):
        answer = client.get(path)
        assert answer.json is not None
        assert (answer.status_code, answer.json["request_id"]) == (status, answer.headers["X-Request-ID"])
    missing = client.get("/api/v1/nowhere")
    assert missing.json is not None
    assert "request_id" not in missing.json
    assert missing.headers["X-Request-ID"]


def test_a_refusal_shows_the_reference_and_a_missing_page_shows_none(direct: APIFlask) -> None:
    client = direct.test_client()
    refused = client.get("/fails-forbidden")
    assert f"quote the reference: {refused.headers['X-Request-ID']}</p>" in refused.text
    assert 'data-testid="reference"' not in client.get("/nowhere").text


def test_one_line_says_what_was_asked_and_how_it_ended(direct: APIFlask, lines: Lines) -> None:
    direct.test_client().get("/verify?number=secret", headers={"X-Request-ID": "forged-by-a-client"})
    (line,) = lines.read()
    assert line.pop("ms") >= 0
    assert len(line.pop("request_id")) == 16
    line.pop("timestamp")
    assert line == {
        "event": "request", "level": "info", "method": "GET", "endpoint": "certificates.verify", "status": 302,
        "person": None,
    }  # fmt: skip


def test_no_line_after_a_request_has_its_id(direct: APIFlask, lines: Lines) -> None:
    direct.test_client().get("/help")
    structlog.get_logger("tests").info("afterwards")
    assert "request_id" not in lines.read()[-1]


def test_two_requests_have_two_ids(direct: APIFlask) -> None:
    client = direct.test_client()
    assert client.get("/help").headers["X-Request-ID"] != client.get("/help").headers["X-Request-ID"]


def test_what_is_asked_all_the_time_is_logged_only_when_it_fails(direct: APIFlask, lines: Lines) -> None:
    client = direct.test_client()
    assert client.get("/healthz").status_code == 200
    assert lines.read() == []
    assert client.post("/api/v1/lectures/1/presence", json={"room_token": "x", "seq": 1}).status_code == 401
    assert lines.read()[-1]["status"] == 401


@pytest.mark.parametrize("given", ["4bf92f3577b34da6a3ce929d0e0e4736", "3fa85f64-5717-4562-b3fc-2c963f66afa6"])
def test_the_id_of_a_trusted_proxy_is_kept(behind_a_proxy: APIFlask, lines: Lines, given: str) -> None:
    answer = behind_a_proxy.test_client().get("/help", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given
    assert [line["request_id"] for line in lines.read()] == [given]


@each_row("given", ["", "short", "x" * 65, 'quote"in-it-now', "with a space", "-starts-wrong"])
def test_an_id_that_is_not_well_formed_is_replaced(behind_a_proxy: APIFlask, given: str) -> None:
    answer = behind_a_proxy.test_client().get("/help", headers={"X-Request-ID": given})
    assert len(answer.headers["X-Request-ID"]) == 16


def test_the_line_names_the_person_by_number(app: APIFlask, lines: Lines) -> None:
    client = app.test_client()

    def as_person_seven() -> None:
        g.actor = replace(ANONYMOUS, person_id=7)

    app.before_request_funcs[None].insert(1, as_person_seven)
    try:
        client.get("/help")
    finally:
        app.before_request_funcs[None].remove(as_person_seven)
    assert [line["person"] for line in lines.read() if line["event"] == "request"] == [7]


def test_what_libraries_log_is_a_line_of_json_too() -> None:
    structlog.contextvars.clear_contextvars()
    record = logging.LogRecord("gunicorn.error", logging.ERROR, "x.py", 1, "Worker (pid:%s) \n died", (7,), None)
    line = json.loads(logs.library_formatter().format(record))
    line.pop("timestamp")
    assert line == {"event": "Worker (pid:7) \n died", "level": "error", "logger": "gunicorn.error"}
