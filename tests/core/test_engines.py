"""Optional engines: what is known of one that answers, refuses or hangs, and who has to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from lms.core.base import engines
from lms.core.base.engines import Engine
from lms.core.base.logs import configure as configure_logs
from tests.factories import Make
from tests.waiting import LONGEST, until


class Probe:
    """A probe whose answer the test decides."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.hang = threading.Event()
        self.hang.set()
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        self.hang.wait(LONGEST)
        if self.error is not None:
            raise self.error


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    monkeypatch.setattr(engines, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(engines, "_AWAY_SECONDS", 0.1)
    monkeypatch.setattr(engines, "RETRY_SECONDS", 0.0)
    configure_logs("INFO")  # the last application that was made decides
    probe = Probe()
    yield probe
    probe.hang.set()


def make_engine(probe: Probe, *, is_essential: bool = False) -> Engine:
    return Engine(
        "testengine",
        probe,
        title="Test engine",
        without="Pages take longer.",
        remedy="Start `testengine`.",
        is_essential=is_essential,
    )


@pytest.fixture
def engine(app: APIFlask, probe: Probe) -> Iterator[Engine]:
    """The only engine of the application."""
    before = app.extensions.pop(engines.KEY, None)
    yield engines.register(app, make_engine(probe))
    app.extensions[engines.KEY] = before or {}


def test_without_engines_the_site_is_ready(client: FlaskClient) -> None:
    assert client.get("/readyz").text == "ok\n"


def test_an_engine_that_is_away_degrades_and_comes_back(engine: Engine, probe: Probe, client: FlaskClient) -> None:
    assert client.get("/readyz").text == "ok\n"
    probe.error = ConnectionRefusedError("refused")
    with capture_logs() as logs:
        for _ in range(3):
            answer = client.get("/readyz")
            assert (answer.status_code, answer.text) == (200, "ok\ndegraded: [testengine]\n")
        assert not engine.is_up()
        probe.error = None
        until(engine.is_up)
        assert client.get("/readyz").text == "ok\n"
    events = [(line["event"], line["engine"]) for line in logs if line["log_level"] in {"error", "warning"}]
    assert events == [
        ("an engine is away", "testengine"),
        ("an engine is back", "testengine"),
    ]


def test_nobody_waits_long_for_an_engine_that_hangs(engine: Engine, probe: Probe) -> None:
    probe.hang.clear()
    state = engine.state()
    assert state.error == "TimeoutError: no answer within 0.1 s"
    for _ in range(20):
        assert not engine.is_up()
    assert not probe.hang.is_set(), "nobody waited for its answer"
    assert probe.calls == 1, "one thread waits for it, not one for each question"
    probe.hang.set()
    until(engine.is_up)


def test_an_answer_is_remembered(engine: Engine, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "RETRY_SECONDS", 60.0)
    for _ in range(3):
        assert engine.state().is_up
    assert probe.calls == 1


def test_a_failed_use_counts_at_once(engine: Engine, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "RETRY_SECONDS", 60.0)
    assert engine.is_up()
    engine.report_failure(TimeoutError("read timed out"))
    assert not engine.is_up()
    assert engine.state().error == "TimeoutError: read timed out"
    assert probe.calls == 0


def test_the_status_page_says_what_is_degraded(engine: Engine, probe: Probe, client: FlaskClient, make: Make) -> None:
    make.sign_in(client, make.person(email="admin@example.org", roles=["administrator"]))
    probe.error = OSError("no route to host")
    page = client.get("/admin/status").text
    assert "No answer: OSError: no route to host. Pages take longer." in page
    assert '<code dir="ltr">testengine</code>' in page
