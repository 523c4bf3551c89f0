"""The smallest demonstration, built and served by `lms demo` itself, as `make demo` does it."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.forks import Forked
from tests.ports import free_port

PEOPLE = 400
PASSWORD = "demo-only"
BUILD_SECONDS = 600


@dataclass(frozen=True)
class Answer:
    """An answer to a GET, errors included."""

    status: int
    kind: str
    body: bytes


class Reader:
    """A client with cookies of its own, or with a token of the API."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def get(self, path: str, *, timeout: float = 60) -> Answer:
        """The answer to a GET, after redirects."""
        return self._ask(urllib.request.Request(self._address + path, headers=self._headers), timeout)

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """The answer to a form of the page at the same path, after redirects."""
        token = re.search(rb'name="csrf_token"[^>]* value="([^"]+)"', self.get(path).body)
        assert token is not None, path
        body = urllib.parse.urlencode({**fields, "csrf_token": token[1].decode()}).encode()
        return self._ask(urllib.request.Request(self._address + path, body, self._headers), 60)

    def _ask(self, request: urllib.request.Request, timeout: float) -> Answer:
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers.get_content_type(), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers.get_content_type(), error.read())


class Demonstration:
    """The address and the data folder of a demonstration that is served."""

    def __init__(self, address: str, folder: Path, process: Forked) -> None:
        self.address = address
        self.folder = folder
        self.process = process

    def visitor(self) -> Reader:
        """Somebody who has not signed in."""
        return Reader(self.address)

    def sign_in(self, name: str) -> Reader:
        """A demonstration account, signed in by the form: admin, instructor, focal.ke or trainee."""
        reader = Reader(self.address)
        answer = reader.post("/sign-in", {"email": f"{name}@demo.test", "password": PASSWORD})
        assert answer.status == 200, answer
        assert b'name="password"' not in answer.body, "the sign-in was refused"
        return reader

    def api(self, name: str) -> Reader:
        """The same account with a token of the API."""
        given = {"email": f"{name}@demo.test", "password": PASSWORD, "name": "tests"}
        request = urllib.request.Request(
            f"{self.address}/api/v1/tokens", json.dumps(given).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Reader(self.address, json.load(answer)["token"])

    def value(self, question: str) -> Any:
        """The first value of the first row that a question to the database returns."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/serai.db?mode=ro", uri=True)) as connection:
            row = connection.execute(question).fetchone()
        assert row is not None, question
        return row[0]


@contextlib.contextmanager
def demonstration(folder: Path) -> Iterator[Demonstration]:
    """Builds the smallest demonstration by `lms demo`, and serves it until the block is left."""
    port = free_port()
    environment = {
        **os.environ, "LMS_DATA": str(folder / "demonstration"), "LMS_LOG_LEVEL": "WARNING",
        "LMS_SECURITY_CONTACT": "https://lectures.example/security",
    }  # fmt: skip
    with (folder / "log").open("w+b") as log:
        process = Forked("demo", "--people", PEOPLE, "--port", port, environment=environment, output=log)
        try:
            made = Demonstration(f"http://127.0.0.1:{port}", folder / "demonstration", process)
            _await(made, folder / "log")
            yield made
        finally:
            process.terminate()
            with contextlib.suppress(ProcessLookupError):
                process.wait(30)
                os.killpg(process.pid, signal.SIGKILL)


def _await(made: Demonstration, log: Path) -> None:
    until = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < until:
        assert made.process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            if b'data-testid="incomplete"' not in made.visitor().get("/sign-in").body:
                return
        time.sleep(0.2)
    raise AssertionError(f"the demonstration is not served: {log.read_text()}")
