"""Compression on a bare app: what is packed, what is left alone."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from flask import Flask, Response
from flask.testing import FlaskClient

from lms.web.request import answers
from tests.rows import each_row

PAGE = "<p>Attended</p>" * 200
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
def browser(tmp_path: Path) -> FlaskClient:
    (tmp_path / "serai.1.css").write_text("p{color:red}" * 100)
    (tmp_path / "serai.1.css.gz").write_bytes(gzip.compress(b"p{color:red}" * 100))
    (tmp_path / "photo.png").write_bytes(b"png" * 1000)
    app = Flask("bare", static_folder=str(tmp_path), static_url_path="/static")
    answers.init_app(app)
    app.after_request(answers.compress)
    app.add_url_rule("/page", "page", lambda: PAGE)
    app.add_url_rule("/wrong", "wrong", lambda: (PAGE, 422))
    app.add_url_rule("/list", "list", lambda: Response(PAGE, mimetype="text/csv"))
    app.add_url_rule("/short", "short", lambda: "ok")
    app.add_url_rule("/stream", "stream", lambda: Response(iter([PAGE]), mimetype="text/csv"))
    return app.test_client()


@each_row(
    "takes, encoding, unpack",
    [
        ("gzip", "gzip", gzip.decompress),
        ("gzip, zstd;q=0.9", "gzip", gzip.decompress),
        ("gzip, deflate, br", "gzip", gzip.decompress),
        ("gzip, deflate, br, zstd", "zstd", zstd.decompress),
    ],
)
@each_row("path, status", [("/page", 200), ("/wrong", 422)])
def test_page_is_packed_for_who_takes_it(
    browser: FlaskClient, takes: str, encoding: str, unpack: Callable[[bytes], bytes], path: str, status: int
) -> None:
    answer = browser.get(path, headers={"Accept-Encoding": takes})
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (status, encoding)
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert unpack(answer.data).decode().startswith(PAGE)
    assert int(answer.headers["Content-Length"]) == len(answer.data) < 400


def test_page_is_plain_for_others(browser: FlaskClient) -> None:
    answer = browser.get("/page")
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.text == PAGE


@each_row("path", ["/short", "/stream", "/static/photo.png"])
def test_what_gains_nothing_is_left_alone(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path, headers=GZIP)
    assert "Content-Encoding" not in answer.headers


def test_built_asset_is_its_packed_twin(browser: FlaskClient) -> None:
    answer = browser.get("/static/serai.1.css", headers=GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.mimetype == "text/css"
    assert gzip.decompress(answer.data) == b"p{color:red}" * 100
    assert browser.get("/static/serai.1.css").data == b"p{color:red}" * 100


def test_unchanged_asset_is_not_sent_again(browser: FlaskClient) -> None:
    etag = browser.get("/static/serai.1.css", headers=GZIP).headers["ETag"]
    assert browser.get("/static/serai.1.css", headers=GZIP | {"If-None-Match": etag}).status_code == 304


def test_head_has_no_body(browser: FlaskClient) -> None:
    answer = browser.head("/page", headers=GZIP)
    assert answer.data == b""


@each_row("encoding", ["gzip", "zstd"])
def test_length_is_blurred(browser: FlaskClient, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    assert len({len(browser.get("/page", headers=headers).data) for _ in range(50)}) > 5


def test_what_is_no_page_is_packed_for_strangers_alone(browser: FlaskClient) -> None:
    assert gzip.decompress(browser.get("/list", headers=GZIP).data).decode() == PAGE
    browser.set_cookie("session", "x")
    answer = browser.get("/list", headers=GZIP)
    assert "Content-Encoding" not in answer.headers
    assert answer.text == PAGE
