"""The shipped configuration of nginx, before a server that notes what reaches it."""

from __future__ import annotations

import gzip
import http.client
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from lms.streaming.tokens import make_stream_token, sign_media
from tests.proxy import HOST, SEEN_AS, Certificate, Proxy, proxy
from tests.rows import each_row

pytestmark = pytest.mark.xdist_group("nginx")

MB = 1024 * 1024
KEY = "the-value-of-LMS_MEDIA_KEY"


@dataclass
class Noted:
    """nginx, and the requests that came through it."""

    before: Proxy
    seen: list[Request] = field(default_factory=list)
    content: bytes = b""
    """Of the last answer."""

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
        self.content = answer.read()
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
        if request.path.endswith("removed.m4s") and any(one.path == request.path for one in noted[0].seen[:-1]):
            return Response(status=404, headers={"Cache-Control": "public, max-age=1"})
        if request.path.endswith("removed.m4s"):
            return Response("here", headers={"Cache-Control": "public, max-age=31536000, s-maxage=1, immutable"})
        if request.path.endswith(".m3u8"):
            packed = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Cache-Control": "public, max-age=60"}
            return Response(gzip.compress(b"#EXTM3U"), headers=packed)
        is_cached = request.path.startswith(("/static/", "/media/"))
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Cookie"} if is_cached else {}
        return Response("here", headers=headers)

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with proxy(tmp_path_factory.mktemp("nginx"), certificate, backend=server.server_port, changes=SEEN_AS) as before:
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
    now, place = datetime.now(UTC), f"7/{'a' * 16}"
    first, second = (sign_media(KEY, place, at=now + timedelta(hours=hours)) for hours in (0, 1))
    assert first != second
    for prefix in (first, second, first):
        answer = noted.ask(f"{prefix}1/v00000.m4s", {"Cookie": f"session={prefix}"})
        assert (answer.status, answer.headers["Vary"]) == (200, None)
    assert len(noted.seen) == 1
    lecture = sign_media(KEY, "7", at=now)
    wrong = [
        sign_media("another key", place, at=now),
        sign_media(KEY, place, at=now - timedelta(days=1)),
        first.replace("/7/", "/8/"),
        first.replace("a" * 16, "b" * 16),
        first.replace("a" * 16, f"{'a' * 16}.all"),
        f"{lecture}{'a' * 16}/",
        "/media/7/",
    ]
    statuses = [noted.ask(f"{prefix}1/v00000.m4s").status for prefix in wrong]
    assert statuses[:6] == [403] * 6
    assert len(noted.seen) == 1 + (statuses[6] == 200)  # the application refuses what has no such form
    assert [noted.ask(f"{prefix}snapshot.json").status for prefix in (lecture, first)] == [200, 200]
    staff = sign_media(KEY, f"{place}.all", at=now)
    asked = len(noted.seen)
    assert noted.ask(f"{staff}1/v00000.m4s").status == 200
    assert len(noted.seen) == asked + 1, "what staff see is kept for nobody else"


def test_playlists_are_kept_packed_for_all(noted: Noted) -> None:
    address = sign_media(KEY, "7/aaaaaaaaaaaaaaaa", at=datetime.now(UTC)) + "v.m3u8"
    for accepted, encoding in (({"Accept-Encoding": "gzip"}, "gzip"), ({}, None)):
        answer = noted.ask(address, accepted)
        assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == (encoding, "Accept-Encoding")
        assert (gzip.decompress(noted.content) if encoding else noted.content) == b"#EXTM3U"
    assert len(noted.seen) == 1


def test_a_page_is_never_kept(noted: Noted) -> None:
    assert [noted.ask("/series").status for _n in range(2)] == [200] * 2
    assert len(noted.seen) == 2


@each_row("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
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


def upload(noted: Noted, path: str, client: str, **headers: str) -> int:
    """What somebody at this address is answered who sends a byte."""
    seen_as = {"X-Seen-As": client, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return noted.ask(path, seen_as, body=b"x").status


def await_status(status: int, ask: Callable[[], int]) -> None:
    """Asks until the answer has this status: nginx sees later than its clients who came and who is gone."""
    until = time.monotonic() + 30
    while ask() != status:
        assert time.monotonic() < until
        time.sleep(0.01)


VERIFY, LETTER, FILE = "/verify", "/country/nominations/new", "/lectures/7/files"


@pytest.mark.parametrize(("path", "most"), [(VERIFY, 16), (LETTER, 32), (FILE, 16), ("/streams/x/0", 8)])
def test_one_address_sends_few_large_bodies_at_a_time(noted: Noted, path: str, most: int) -> None:
    with ExitStack() as stack:
        for _upload in range(most):
            stack.enter_context(noted.before.begin_upload(path, client="192.0.2.1"))
        await_status(429, lambda: upload(noted, path, "192.0.2.1"))
        assert upload(noted, path, "192.0.2.2") == 200
        assert noted.ask(path, {"X-Seen-As": "192.0.2.1"}).status == (429 if path.startswith("/streams") else 200)
        assert upload(noted, "/sign-in", "192.0.2.1") == 200  # forms are no uploads
    await_status(200, lambda: upload(noted, path, "192.0.2.1"))  # those that are gone count no longer


def test_a_network_of_ipv6_counts_as_one_client(noted: Noted) -> None:
    with ExitStack() as stack:
        for number in range(16):
            stack.enter_context(noted.before.begin_upload(VERIFY, client=f"2001:db8:0:7:{number:x}::1"))
        await_status(429, lambda: upload(noted, VERIFY, "2001:db8:0:7:ffff:ffff:ffff:ffff"))
        assert upload(noted, VERIFY, "2001:db8:0:8::1") == 200
        for number in range(16):  # IPv4, as a socket of both calls it
            stack.enter_context(noted.before.begin_upload(VERIFY, client=f"::ffff:192.0.2.{number}"))
        assert upload(noted, VERIFY, "::ffff:192.0.2.99") == 200


def test_thirty_colleagues_behind_one_address_send_their_letters_at_once(noted: Noted) -> None:
    with ExitStack() as stack:
        for _official in range(30):
            stack.enter_context(noted.before.begin_upload(LETTER, client="192.0.2.1"))
        assert [upload(noted, path, "192.0.2.1") for path in (LETTER, VERIFY, FILE)] == [200] * 3


def test_slow_strangers_stop_neither_lectures_nor_other_uploads(noted: Noted) -> None:
    now = datetime.now(UTC)

    def chunk(session: str, *, client: str = "192.0.2.1", key: str = KEY, at: datetime = now) -> int:
        token = make_stream_token(["secret"], session, key=key, at=at)
        return upload(noted, f"/streams/{session}/7", client, Stream_Token=token)

    with ExitStack() as stack:
        for number in range(40):
            for path in ("/streams/speaker-0/7", FILE):
                stack.enter_context(noted.before.begin_upload(path, client=f"198.51.100.{number}"))
        await_status(429, lambda: upload(noted, "/streams/speaker-0/7", "192.0.2.1"))
        await_status(429, lambda: upload(noted, FILE, "192.0.2.1"))
        assert {chunk(f"speaker-{number}") for number in range(30)} == {200}
        assert chunk("speaker-0", client="198.51.100.1") == 200
        assert [upload(noted, path, "192.0.2.1") for path in (VERIFY, LETTER)] == [200] * 2
        # What was not signed for this session, today and here is a stranger's
        assert chunk("speaker-0", key="another key") == 429
        assert chunk("speaker-0", at=now - timedelta(days=2)) == 429
        token = make_stream_token(["secret"], "speaker-1", key=KEY, at=now)
        assert upload(noted, "/streams/speaker-0/7", "192.0.2.1", Stream_Token=token) == 429
        # A session that its own lines fill leaves the others alone
        for _line in range(8):
            header = f"Stream-Token: {token}\r\n"
            stack.enter_context(noted.before.begin_upload("/streams/speaker-1/7", client="192.0.2.1", headers=header))
        await_status(429, lambda: chunk("speaker-1"))
        assert chunk("speaker-2") == 200
