"""The shipped configuration of nginx, before a server that notes what reaches it."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from lms.streaming.tokens import sign_media
from tests.proxy import HOST, Certificate, Proxy, proxy

pytestmark = pytest.mark.xdist_group("nginx")

MB = 1024 * 1024
KEY = "the-value-of-LMS_MEDIA_KEY"


@dataclass
class Noted:
    """nginx, and the requests that came through it."""

    before: Proxy
    seen: list[Request] = field(default_factory=list)

    def ask(
        self, path: str, headers: dict[str, str] | None = None, *, body: bytes | None = None, newest: Any = None
    ) -> http.client.HTTPResponse:
        """One request over https, in at most this version of TLS."""
        trusting = self.before.certificate.trusting()
        if newest is not None:
            trusting.maximum_version = newest
        line = http.client.HTTPSConnection(HOST, self.before.port, timeout=60, context=trusting)
        line.request("GET" if body is None else "POST", path, body, headers or {})
        answer = line.getresponse()
        answer.read()
        line.close()
        return answer


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[Noted]:
    """One nginx for all tests of this file."""
    noted: list[Noted] = []

    @Request.application
    def answer(request: Request) -> Response:
        request.get_data()
        noted[0].seen.append(request)
        is_cached = request.path.startswith(("/static/", "/media/"))
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Cookie"} if is_cached else {}
        return Response("here", headers=headers)

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with proxy(tmp_path_factory.mktemp("nginx"), certificate, backend=server.server_port) as before:
        noted.append(Noted(before))
        yield noted[0]
    server.shutdown()
    server.server_close()


@pytest.fixture
def noted(running: Noted) -> Noted:
    """With nothing noted yet."""
    running.seen.clear()
    return running


def test_http_leads_to_the_same_page_over_https(noted: Noted) -> None:
    line = http.client.HTTPConnection("127.0.0.1", noted.before.plain_port, timeout=60)
    line.request("GET", "/series/parcels?page=2", headers={"Host": "evil.example"})
    answer = line.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, f"{noted.before.address}/series/parcels?page=2")
    assert noted.seen == []
    line.close()


def test_what_a_client_says_of_proxies_does_not_pass(noted: Noted) -> None:
    forged = {
        "X-Forwarded-For": "198.51.100.1",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example",
        "X-Request-ID": "chosen",
    }
    assert noted.ask("/series", forged).status == 200
    (request,) = noted.seen
    assert request.headers["X-Forwarded-For"] == "198.51.100.1, 127.0.0.1"  # the application counts from the end
    assert request.headers["X-Forwarded-Proto"] == "https"
    assert request.headers["Host"] == HOST
    assert re.fullmatch("[0-9a-f]{32}", request.headers["X-Request-ID"])
    assert {"X-Forwarded-Host", "Forwarded"} & set(request.headers.keys()) == set()


def test_figures_for_the_operator_are_not_public(noted: Noted) -> None:
    assert [noted.ask(path).status for path in ("/metrics", "/metrics?x=1", "//metrics", "/%6detrics")] == [404] * 4
    assert noted.seen == []


def test_static_files_are_asked_for_once(noted: Noted) -> None:
    assert [noted.ask("/static/page.0123456789ab.js").status for _n in range(3)] == [200] * 3
    assert len(noted.seen) == 1


def test_media_are_asked_for_once_by_all_with_a_signed_address(noted: Noted) -> None:
    now = datetime.now(UTC)
    first, second = (sign_media(KEY, 7, at=now + timedelta(hours=hours)) for hours in (0, 1))
    assert first != second
    for prefix in (first, second, first):
        answer = noted.ask(f"{prefix}{'a' * 16}/1/v00000.m4s", {"Cookie": f"session={prefix}"})
        assert (answer.status, answer.headers["Vary"]) == (200, None)
    assert len(noted.seen) == 1
    wrong = [
        sign_media("another key", 7, at=now),
        sign_media(KEY, 7, at=now - timedelta(days=1)),
        first.replace("/7/", "/8/"),
        "/media/7/",
    ]
    statuses = [noted.ask(f"{prefix}{'a' * 16}/1/v00000.m4s").status for prefix in wrong]
    assert statuses[:3] == [403, 403, 403]
    assert len(noted.seen) == 1 + (statuses[3] == 200)  # the application refuses what has no such form


def test_a_page_is_never_kept(noted: Noted) -> None:
    assert [noted.ask("/series").status for _n in range(2)] == [200] * 2
    assert len(noted.seen) == 2


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(noted: Noted, newest: ssl.TLSVersion) -> None:
    assert noted.ask("/", newest=newest).status == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/", 1),
        ("/sign-in", 1),
        ("/lectures/7/filesystem", 1),
        ("/lectures/7/files/abc/remove", 1),
        ("/verify", 2),
        ("/lectures/7/attendance/import", 33),
        ("/lectures/7/files", 101),
    ],
)
def test_a_body_stops_at_nginx_where_it_is_larger_than_its_address_takes(noted: Noted, path: str, most: int) -> None:
    assert noted.ask(path, {"Content-Length": str(most * MB + 1)}, body=b"").status == 413
    assert noted.seen == []
    assert noted.ask(path, body=bytes(min(most, 2) * MB)).status == 200


@pytest.mark.parametrize("path", ["/verify", "/lectures/7/files"])
def test_one_address_sends_few_large_bodies_at_a_time(noted: Noted, path: str) -> None:
    trusting = noted.before.certificate.trusting()
    with ExitStack() as stack:
        for _upload in range(8):
            plain = socket.create_connection((HOST, noted.before.port), timeout=60)
            line = stack.enter_context(trusting.wrap_socket(plain, server_hostname=HOST))
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\nx".encode())
        while (status := noted.ask(path, body=b"x").status) == 200:  # until nginx has seen all of them
            time.sleep(0.01)
        assert status == 429
        assert noted.ask(path).status == 200  # reading goes on, and so do forms
        assert noted.ask("/sign-in", body=b"x").status == 200
    until = time.monotonic() + 30
    while noted.ask(path, body=b"x").status != 200:  # those that are gone count no longer
        assert time.monotonic() < until
        time.sleep(0.01)
