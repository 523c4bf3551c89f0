"""Real servers under clocks that are wrong: one that is set back, and two on one database that differ by 2 s."""

from __future__ import annotations

import http.client
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

import pytest

from tests.factories import PASSWORD
from tests.faults.conftest import Site
from tests.faults.forks import interpreted
from tests.forms import token_in
from tests.ports import free_port

pytestmark = pytest.mark.long


def library() -> str:
    """The path of libfaketime."""
    package = importlib.util.find_spec("libfaketime")
    assert package is not None
    assert package.origin is not None
    return str(next(Path(package.origin).parent.rglob("libfaketime.so.1")))


def faked(file: Path) -> dict[str, str]:
    """The environment of a process whose clock differs by what the file says."""
    return {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # only the time of day is wrong
        "NO_FAKE_STAT": "1",
    }


def under(file: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Begins servers under the clock of a file."""

    def begin(*arguments: str, environment: Mapping[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return interpreted(*arguments, environment={**environment, **faked(file)}, output=output)

    return begin


@pytest.fixture
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that says by how much the clock is wrong; tests overwrite it."""
    file = tmp_path_factory.mktemp("clock") / "offset"
    file.write_text("+1000s")
    code = [sys.executable, "-c", "import time; print(time.time())"]
    moment = float(subprocess.run(code, env=faked(file), capture_output=True, check=True).stdout)
    assert moment > time.time() + 500, "libfaketime does not work here"
    file.write_text("+0s")
    return file


class Browser:
    """A browser with cookies. `port` is that of the server to which a balancer passes its requests."""

    def __init__(self, site: Site) -> None:
        self.site, self.port, self.cookies = site, site.port, SimpleCookie()

    def get(self, path: str) -> tuple[int, str]:
        """(status, body)."""
        return self._ask("GET", path, None)

    def post(self, path: str, **sent: str) -> int:
        """The status of the answer to a form."""
        return self._ask("POST", path, urlencode(sent))[0]

    def token(self, path: str) -> str:
        """The token of the form on a page."""
        return token_in(self.get(path)[1])

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        address = self.site.config.base_url
        headers = {"Host": address.partition("://")[2], "Referer": f"{address}/"}
        headers["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        for cookie in answer.msg.get_all("Set-Cookie", []):
            self.cookies.load(cookie)
        text = answer.read().decode()
        connection.close()
        return answer.status, text


def test_a_clock_that_is_set_back_by_3_seconds_signs_nobody_out(site: Site, hands: Path) -> None:
    site.within(lambda: site.make.person("Ada", email="ada@x.example", password=PASSWORD))
    site.begin = under(hands)
    site.start(worker=False, workers=1)
    browser = Browser(site)
    sent = {"csrf_token": browser.token("/sign-in"), "email": "ada@x.example", "password": PASSWORD}
    assert browser.post("/sign-in", **sent) == 302
    token = browser.token("/account")
    hands.write_text("-3s")
    assert [browser.get("/account")[0] for _turn in range(5)] == [200] * 5
    assert browser.post("/sign-out", csrf_token=token) == 302
    assert browser.get("/account")[0] == 302


def test_two_servers_whose_clocks_differ_by_2_seconds_take_each_others_forms(site: Site, hands: Path) -> None:
    site.within(lambda: site.make.person("Ada", email="ada@x.example", password=PASSWORD))
    site.start(worker=False, workers=1)
    browser = Browser(site)
    ahead = hands.with_name("ahead")
    ahead.write_text("+2s")
    first, site.begin = site.port, under(ahead)
    site.port = second = free_port()
    site.start(worker=False, workers=1)
    for page, form in ((first, second), (second, first)):
        browser.cookies.clear()
        browser.port = page
        sent = {"csrf_token": browser.token("/sign-in"), "email": "ada@x.example", "password": PASSWORD}
        browser.port = form
        assert browser.post("/sign-in", **sent) == 302
        answers = []
        for browser.port in (first, second) * 5:
            answers.append(browser.get("/account")[0])
        assert answers == [200] * 10
        browser.port = page
        token = browser.token("/account")
        browser.port = form
        assert browser.post("/sign-out", csrf_token=token) == 302
