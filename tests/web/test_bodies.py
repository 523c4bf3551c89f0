"""A route that reads less than the site's largest upload says so before anything is received."""

from __future__ import annotations

import io

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

MB = 1024 * 1024
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
FORM = "multipart/form-data; boundary=x"


class Sent(io.BytesIO):
    """A body that a client sends, and how much of it was received before the answer."""

    received = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.received += len(piece)
        return piece

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        size = super().readinto(buffer)
        self.received += size
        return size


def test_five_megabytes_at_verify_are_refused_before_they_are_received(client: FlaskClient) -> None:
    sent = Sent(HEAD + bytes(5 * MB) + b"\r\n--x--\r\n")
    answer = client.post(
        "/verify", input_stream=sent, content_type=FORM, buffered=False, content_length=len(sent.getbuffer())
    )
    assert (answer.status_code, "larger than 1 MB" in answer.text) == (413, True)
    assert sent.received == 0


def test_a_body_without_a_length_is_refused_before_it_is_received(client: FlaskClient) -> None:
    sent = Sent(b"x" * 5000)
    more = {"headers": {"Transfer-Encoding": "chunked"}, "environ_overrides": {"wsgi.input_terminated": True}}
    answer = client.post("/verify", input_stream=sent, content_type=FORM, buffered=False, **more)
    assert (answer.status_code, sent.received) == (411, 0)


def test_what_a_view_leaves_of_a_body_is_received(client: FlaskClient) -> None:
    """A connection that is closed with a part of a request unread is reset: its client never sees the answer."""
    sent = Sent(b"x" * MB)
    answer = client.post("/nowhere", input_stream=sent, content_type="text/plain", content_length=MB, buffered=False)
    assert (answer.status_code, sent.received) == (404, MB)


def test_a_route_that_takes_no_file_reads_one_megabyte(client: FlaskClient) -> None:
    codes = [
        client.post("/sign-in", input_stream=Sent(bytes(n)), content_length=n, content_type=FORM).status_code
        for n in (MB, MB + 1)
    ]
    assert codes == [400, 413]


def test_no_route_takes_more_than_the_site(app: APIFlask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)
    body = HEAD + bytes(1000)
    answer = client.post("/verify", input_stream=Sent(body), content_length=len(body), content_type=FORM)
    assert answer.status_code == 413


def test_a_heartbeat_is_refused_unread_where_it_is_larger_than_one(client: FlaskClient) -> None:
    sent = Sent(b"x" * 5000)
    path = "/api/v1/lectures/1/presence"
    answer = client.post(path, input_stream=sent, content_length=5000, content_type="text/plain", buffered=False)
    assert (answer.status_code, answer.get_json()["detail"]) == (413, "The request is larger than 100 bytes.")
    assert sent.received == 0
