"""Clients that break the framing, or send and read slowly: behind nginx, nobody else waits for them.

The server is that of `lms serve`, in processes of its own with two threads each (tests/faults/echo.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.faults.echo import MB, MOST_BYTES, Echo, serving
from tests.proxy import HOST, Certificate, proxy

POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
IDLE = 12
"""Clients of each kind: three times as many as there are threads."""


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    """A server for all tests of this module."""
    with serving(tmp_path_factory.mktemp("patient"), workers=2) as echo:
        await_answer(echo)
        yield echo


class Client:
    """One connection, as bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, method: str = "GET") -> tuple[int, bytes]:
        """(status, body) of the next answer."""
        answer = HTTPResponse(self.socket, method=method)
        answer.begin()
        return answer.status, answer.read()

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        got = bytearray()
        while data := self.socket.recv(MB):
            got += data
        return bytes(got)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.socket.close()


def await_answer(echo: Echo) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with Client(echo.port) as client:
                client.send(GET)
                assert client.answer()[0] == 200
                return
        except (ConnectionRefusedError, ConnectionResetError):  # not there yet, or out of room
            assert echo.process.poll() is None, "the server ended"
            time.sleep(0.02)
    raise AssertionError("the server does not answer")


def echoed(body: bytes) -> dict[str, Any]:
    return {"length": len(body), "told": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_behind_nginx_the_site_answers_while_more_clients_than_threads_are_slow(
    patient: Echo, tmp_path: Path, certificate: Certificate
) -> None:
    with ExitStack() as stack:
        before = stack.enter_context(proxy(tmp_path, certificate, backend=patient.port))

        def connect() -> ssl.SSLSocket:
            plain = socket.create_connection(("127.0.0.1", before.port), timeout=60)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            return stack.enter_context(certificate.trusting().wrap_socket(plain, server_hostname=HOST))

        slow = [
            b"GET / HTTP/1.1\r\nHo",
            POST + b"Content-Length: 500000\r\n\r\n" + b"x" * 100_000,
            b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ]
        for sent in slow:
            for _number in range(IDLE):
                connect().sendall(sent)
        for _turn in range(4):  # each of the processes has its turn
            client = connect()
            client.sendall(LAST)
            assert client.recv(MB).startswith(b"HTTP/1.1 200")
        chunked = connect()
        chunked.sendall(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
        assert chunked.recv(MB).startswith(b"HTTP/1.1 200"), "nginx adds the length"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 5 * MB])
def test_a_body_arrives_byte_for_byte(patient: Echo, size: int) -> None:
    body = random.Random(size).randbytes(size)
    with Client(patient.port) as client:
        for _turn in range(2):  # the connection is used again
            client.send(POST + b"Content-Length: %d\r\n\r\n" % size + body)
            status, answer = client.answer("POST")
            assert (status, json.loads(answer)) == (200, echoed(body))


def test_a_request_may_come_in_any_pieces(patient: Echo) -> None:
    body = b"0123456789"
    sent = POST + b"Content-Length: 10\r\n\r\n" + body
    for step in (1, 2, 7):
        with Client(patient.port) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(sent), step):
                client.send(sent[at : at + step])
            status, answer = client.answer("POST")
            assert (status, json.loads(answer)) == (200, echoed(body))


def test_a_body_without_a_length_is_refused(patient: Echo) -> None:
    """nginx buffers such a body and adds its length."""
    with Client(patient.port) as client:
        client.send(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
        assert client.answer("POST")[0] == 411


def test_requests_that_are_sent_together_are_answered_in_their_order(patient: Echo) -> None:
    bodies = [b"one", b"", b"three" * 30_000, b"four"]
    sent = [POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies]
    with Client(patient.port) as client:
        client.send(b"".join(sent) + LAST)
        answers = client.rest().split(b"HTTP/1.1 200 OK")[1:]
    echoes = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert echoes == [*map(echoed, bodies), echoed(b"") | {"told": None}]


def test_what_the_application_does_not_read_is_no_next_request(patient: Echo) -> None:
    hidden = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4000
    with Client(patient.port) as client:
        client.send(b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
        assert client.answer("POST") == (200, b"unread")
        client.send(GET)
        assert client.answer()[0] == 200


def test_who_expects_to_be_told_to_go_on_is_told(patient: Echo) -> None:
    with Client(patient.port) as client:
        client.send(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.socket.recv(MB) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        status, answer = client.answer("POST")
        assert (status, json.loads(answer)) == (200, echoed(b"hello"))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST + b"Content-Length: %d\r\n\r\n" % (MOST_BYTES + 1), 413),
        (POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (MOST_BYTES + 1), 413),
        (POST.replace(b" / ", b" /small ") + b"Content-Length: 101\r\n\r\n" + b"x" * 101, 413),
    ],
    ids=["told", "told, asks first", "route"],
)
def test_what_is_too_large_is_answered_before_it_ends(patient: Echo, head: bytes, status: int) -> None:
    with Client(patient.port) as client:
        client.send(head)
        assert client.answer("POST")[0] == status


FRAMING = {
    "length and chunks": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "length twice": (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    "sign before the length": (POST + b"Content-Length: +5\r\n\r\nhello", 400),
    "space after a name": (POST + b"Content-Length : 5\r\n\r\nhello", 400),
    "chunked, then more": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "chunks in HTTP/1.0": (CHUNKED.replace(b"/1.1", b"/1.0") + b"0\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "bare LF after a header": (b"GET / HTTP/1.1\r\nHost: localhost\n\r\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400),
    "long path": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431),
    "long header": (b"GET / HTTP/1.1\r\nA: " + b"b" * 9000 + b"\r\n\r\n", 431),
    "bare LF after a size": (CHUNKED + b"5\nhello\r\n0\r\n\r\n", 411),
    "0x before a size": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 411),
    "minus before a size": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", 411),
    "space before a size": (CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", 411),
    "underscore in a size": (CHUNKED + b"5_0\r\nhello\r\n0\r\n\r\n", 411),
    "no size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", 411),
    "NUL in an extension": (CHUNKED + b"5;\x00\r\nhello\r\n0\r\n\r\n", 411),
    "longer than its size": (CHUNKED + b"5\r\nhelloxx0\r\n\r\n", 411),
    "endless size": (CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", 411),
    "long extension": (CHUNKED + b"5;" + b"a" * 20_000 + b"\r\nhello\r\n0\r\n\r\n", 411),
    "bare LF in a trailer": (CHUNKED + b"0\r\nA: b\nC: d\r\n\r\n", 411),
    "length in a trailer": (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", 411),
}


@pytest.mark.parametrize(("sent", "status"), FRAMING.values(), ids=FRAMING)
def test_ambiguous_framing_is_refused_and_nothing_after_it_is_answered(patient: Echo, sent: bytes, status: int) -> None:
    with Client(patient.port) as client:
        client.send(sent + GET)
        got = client.rest()
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert b" 200 OK" not in got


@pytest.mark.parametrize("name", ["long path", "many headers"])
def test_what_is_too_long_to_be_read_is_answered_with_a_problem(patient: Echo, name: str) -> None:
    sent, status = FRAMING[name]
    with Client(patient.port) as client:
        client.send(sent + GET)
        head, _blank, body = client.rest().partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    problem = json.loads(body)
    assert {key: problem[key] for key in ("status", "title")} == {"status": status, "title": HTTPStatus(status).phrase}


def test_no_header_says_which_part_of_the_address_is_the_sites(patient: Echo) -> None:
    with Client(patient.port) as client:
        client.send(b"GET /x/large HTTP/1.1\r\nHost: localhost\r\nSCRIPT_NAME: /x\r\nConnection: close\r\n\r\n")
        assert client.answer()[0] in {400, 404}


def test_a_request_that_is_worked_on_is_answered_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    with serving(tmp_path, workers=1) as echo:
        await_answer(echo)
        with Client(echo.port) as client:
            client.send(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with (tmp_path / "held").open("w") as pipe:  # opens once the request is worked on
                echo.process.send_signal(signal.SIGTERM)
                time.sleep(0.5)
                pipe.write("held")
            assert client.answer() == (200, b"held")
        assert echo.process.wait(30) == 0
