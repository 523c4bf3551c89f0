"""Servers that are stopped and begun again one after the other, behind nginx: no request is lost."""

from __future__ import annotations

import contextlib
import http.client
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lms.core.background.processes import ProcessHeartbeat, ProcessKind
from lms.core.database.session import db
from tests.faults.conftest import Site, own_database
from tests.faults.forks import Forked
from tests.ports import free_port
from tests.proxy import HOST, Certificate, Proxy, proxy
from tests.waiting import until

pytestmark = [pytest.mark.long(seconds=60), pytest.mark.xdist_group("nginx")]
STOP_SECONDS = 3


@pytest.fixture
def shared(postgresql_url: str, tmp_path: Path) -> Iterator[Site]:
    """A site on PostgreSQL that several servers serve."""
    with own_database(postgresql_url) as url, contextlib.ExitStack() as stack:
        made = Site(tmp_path, url, stop_seconds=str(STOP_SECONDS))
        stack.callback(made.close)
        yield made


def serve(site: Site, port: int) -> Forked:
    environment = site.config.environment()
    running = Forked("serve", "--port", port, "--workers", "1", environment=environment)

    def answers() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            line.request("GET", "/readyz")
            return line.getresponse().status == 200
        return False

    until(answers, "the server does not answer")
    return running


class Visitor(threading.Thread):
    """Asks through nginx without a pause until told to stop, by turns for a page and with a form."""

    def __init__(self, before: Proxy) -> None:
        super().__init__(daemon=True)
        self._before = before
        self.answers: list[tuple[str, int]] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            for method, path in (("GET", "/healthz"), ("POST", "/zone")):
                context = self._before.certificate.trusting()
                line = http.client.HTTPSConnection(HOST, self._before.port, timeout=30, context=context)
                line.request(method, path, b"" if method == "POST" else None)
                self.answers.append((method, line.getresponse().status))
                line.close()
            time.sleep(0.01)


def test_a_rolling_restart_loses_no_request(shared: Site, tmp_path: Path, certificate: Certificate) -> None:
    ports = [free_port(), free_port()]
    servers = [serve(shared, port) for port in ports]
    first, *others = (f"server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;" for port in ports)
    changes = {first: "\n".join([first, *others])}
    try:
        with proxy(tmp_path / "nginx", certificate, backend=ports[0], changes=changes) as before:
            visitors = [Visitor(before) for _number in range(4)]
            for visitor in visitors:
                visitor.start()
            for number, port in enumerate(ports):
                time.sleep(1)
                servers[number].send_signal(signal.SIGTERM)
                assert servers[number].wait(60) == 0
                servers[number] = serve(shared, port)
                time.sleep(6)  # until nginx sends it requests again
            for visitor in visitors:
                visitor.stopping.set()
                visitor.join()
    finally:
        for server in servers:
            server.send_signal(signal.SIGKILL)
    answers = [answer for visitor in visitors for answer in visitor.answers]
    assert len(answers) > 500
    assert set(answers) == {("GET", 200), ("POST", 422)}


def test_a_server_that_stops_takes_its_heartbeat_along(shared: Site) -> None:
    running = serve(shared, free_port())
    kinds = until(lambda: shared.within(lambda: [row.kind for row in db.session.query(ProcessHeartbeat)]))
    assert kinds == [ProcessKind.WEB]
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0
    assert shared.within(lambda: db.session.query(ProcessHeartbeat).count()) == 0
