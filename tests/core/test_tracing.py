"""Traces: what a receiver of OTLP gets of requests, statements, tasks and e-mails, and what it does not get."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from apiflask import APIFlask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lms.core.background import jobs, tracing
from lms.core.base.logs import configure as configure_logs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.mail import outbox, sending
from lms.mail.reasons import MailRefused
from lms.people.models import Person
from tests.factories import Make

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TASK = "test-traced"


class Receiver:
    """A server that takes OTLP over HTTP, as a collector does."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[dict[str, Any]]:
        """All spans, once the process has sent them."""
        tracing.end()
        return [
            {
                "name": span.name,
                "trace": span.trace_id.hex(),
                "parent": span.parent_span_id.hex(),
                "id": span.span_id.hex(),
                "failed": span.status.code == 2,
                **{item.key: item.value.string_value or item.value.int_value for item in span.attributes},
            }
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that the environment names, with traces on."""
    receiver = Receiver()
    configure_logs("INFO")  # the last application that was made decides
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    tracing.begin("web")
    assert tracing.is_on()
    yield receiver
    tracing.end()
    receiver.close()


def test_a_request_has_a_span_with_its_statements(app: APIFlask, make: Make, receiver: Receiver) -> None:
    person = make.person(email="somebody@example.org", name="Amina Njoroge")
    client = app.test_client()
    make.sign_in(client, person)
    assert client.get("/verify/ABCD-1234?secret=hidden", headers={"User-Agent": "browser"}).status_code == 404
    assert client.get("/me").status_code == 200
    spans = receiver.spans()
    unknown, page = [span for span in spans if span["name"].startswith("GET")]
    assert (unknown["name"], unknown["http.response.status_code"]) == ("GET /verify/<number>", 404)
    assert (page["name"], page["http.route"], page["http.response.status_code"]) == ("GET /me", "/me", 200)
    statements = [span for span in spans if span["parent"] == page["id"]]
    assert {span["name"] for span in statements} == {"BEGIN", "SELECT"}
    assert len(statements) > 5
    assert any("FROM person" in span["db.query.text"] for span in statements)
    sent = json.dumps(spans) + str([request.resource_spans[0].resource for request in receiver.requests])
    for private in ("somebody@", "Amina", "ABCD", "hidden", "browser", "127.0.0.1"):
        assert private not in sent
    assert "service.name" in sent
    assert 'string_value: "serai"' in sent


def test_the_lines_of_the_log_have_the_id_of_the_trace(
    app: APIFlask, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    app.test_client().get("/help")
    line = next(json.loads(line) for line in capsys.readouterr().err.splitlines() if '"request"' in line)
    (span,) = [span for span in receiver.spans() if span["name"] == "GET /help"]
    assert line["trace_id"] == span["trace"]


def test_only_a_trusted_proxy_continues_a_trace(
    app: APIFlask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.test_client().get("/help", headers={"traceparent": PARENT})
    monkeypatch.setattr(app.extensions["lms.config"], "proxies", 1)
    app.test_client().get("/help", headers={"traceparent": PARENT})
    alone, continued = [span for span in receiver.spans() if span["name"] == "GET /help"]
    assert alone["trace"] != PARENT.split("-")[1]
    assert (alone["parent"], continued["trace"]) == ("", PARENT.split("-")[1])
    assert continued["parent"] == PARENT.split("-")[2]


def test_tasks_and_mails_have_spans_and_what_is_only_asked_has_none(
    app: APIFlask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(run: jobs.Run, secret: str) -> None:
        with pytest.raises(Exception, match="syntax error"):
            db.session.execute(db.text("SELECT 'Amina' FROM FROM"))
        db.session.rollback()
        raise ValueError(f"{secret} failed")

    def send(mail: outbox.OutboxMail) -> None:
        raise MailRefused(550, f"no {mail.address} here")

    monkeypatch.setitem(jobs.REGISTRY, TASK, work)

    @action
    def post() -> None:
        jobs.request_job(TASK, {"secret": "hidden"}, by=SYSTEM, at=clock.now())
        outbox.post_mail("sign_in", address="a@x.example", payload={}, dedupe_key="k", at=clock.now())

    with app.app_context():
        post()
        assert jobs.run_due() == 1
        assert jobs.run_due() == 0
        assert sending.send_due(send, at=clock.now()) == 1
    spans = receiver.spans()
    roots = {span["name"]: span for span in spans if not span["parent"]}
    assert set(roots) == {f"task {TASK}", "send mail"}, "a question for work is no trace"
    assert roots[f"task {TASK}"]["serai.outcome"] == "failed"
    assert (roots["send mail"]["failed"], roots["send mail"]["error.type"]) == (True, "MailRefused")
    failed = next(span for span in spans if span.get("db.query.text") == "SELECT ? FROM FROM")
    assert (failed["failed"], failed["error.type"]) == (True, "OperationalError")
    for private in ("Amina", "hidden", "a@x"):
        assert private not in json.dumps(spans)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_traces_are_off_unless_the_environment_asks_for_them(
    environment: dict[str, str], app: APIFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracing.begin("web")
    assert not tracing.is_on()
    with app.app_context():
        db.session.execute(db.select(Person.id))
    with tracing.span("nothing") as span:
        assert span is None
