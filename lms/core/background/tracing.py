"""Traces by OpenTelemetry: requests, SQL statements, background tasks and e-mails, as OTLP over HTTP.

Off unless the environment names a receiver (`OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) and
the extra `serai[traces]` is installed. Then nothing is imported for it and no statement is listened to.

Spans have no personal data: no addresses, paths, queries, values of statements or messages of errors.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext

from lms.core.background.processes import process_name
from lms.version import build_version

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

log = structlog.get_logger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_LONGEST_STATEMENT = 4000
_TEXT = re.compile(r"'(?:[^']|'')*'")
_SPAN = "lms.span"
_tracer: "Tracer | None" = None
_provider: "TracerProvider | None" = None


def is_on() -> bool:
    """Whether this process makes traces."""
    return _tracer is not None


def _is_wanted(environ: Mapping[str, str]) -> bool:
    is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not is_off and any(environ.get(name) for name in ENDPOINTS)


def begin(kind: str) -> None:
    """Makes traces from now on, if the environment names a receiver. For processes that fork no more."""
    if not _is_wanted(os.environ) or _tracer is not None:
        return
    protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        log.warning("traces are off: only http/protobuf is supported", protocol=protocol)
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("traces are off: install requirements-extras.txt")
        return
    attributes = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or "serai",
        "service.version": build_version(),
        "service.instance.id": process_name(),
        "serai.process.kind": kind,
    }
    provider = TracerProvider(resource=Resource.create(attributes))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use_provider(provider)


def use_provider(provider: "TracerProvider") -> None:
    """Makes traces with this provider from now on."""
    global _tracer, _provider
    _provider = provider
    _tracer = provider.get_tracer("serai", build_version())
    for name, listener in _LISTENERS.items():
        event.listen(Engine, name, listener)


def end() -> None:
    """Sends what is not sent yet and makes no more traces."""
    global _tracer, _provider
    if _provider is None:
        return
    for name, listener in _LISTENERS.items():
        event.remove(Engine, name, listener)
    provider, _tracer, _provider = _provider, None, None
    provider.shutdown()


@contextmanager
def span(name: str, attributes: Mapping[str, Any] | None = None) -> "Iterator[Span | None]":
    """A span around the block, with the id of its trace in the lines of the log; None while traces are off."""
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import StatusCode

    with (
        _tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as current,
        structlog.contextvars.bound_contextvars(trace_id=trace_id_of(current)),
    ):
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise


def trace_id_of(current: "Span") -> str:
    """The id of a span's trace as it is written."""
    return format(current.get_span_context().trace_id, "032x")


class RequestSpan:
    """The span of a request, from the hook that begins it to the one that ends it."""

    def __init__(self, method: str, route: str | None, headers: Mapping[str, str]) -> None:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        assert _tracer is not None
        parent = TraceContextTextMapPropagator().extract(headers)
        attributes = {"http.request.method": method} | ({"http.route": route} if route else {})
        name = f"{method} {route}" if route else method
        self._span = _tracer.start_span(name, context=parent, kind=trace.SpanKind.SERVER, attributes=attributes)
        self._token = context.attach(trace.set_span_in_context(self._span))
        self.trace_id = trace_id_of(self._span)

    def set_status(self, status: int) -> None:
        """Notes what was answered."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        """Ends the span."""
        from opentelemetry import context

        self._span.end()
        context.detach(self._token)


def _begin_statement(
    connection: Connection, _cursor: object, statement: str, parameters: Any, _context: object, is_many: bool
) -> None:
    from opentelemetry import trace

    if _tracer is None or not trace.get_current_span().is_recording():
        return  # what a worker asks every half second is in no trace
    operation = statement.lstrip()[:20].split(" ", 1)[0].upper()
    attributes: dict[str, Any] = {
        "db.system.name": connection.dialect.name,
        "db.operation.name": operation,
        "db.query.text": _TEXT.sub("?", statement)[:_LONGEST_STATEMENT],
    }
    if is_many:
        attributes["db.operation.batch.size"] = len(parameters)
    connection.info[_SPAN] = _tracer.start_span(operation, kind=trace.SpanKind.CLIENT, attributes=attributes)


def _end_statement(connection: Connection, *_more: object) -> None:
    current = connection.info.pop(_SPAN, None)
    if current is not None:
        current.end()


def _fail_statement(failure: ExceptionContext) -> None:
    connection = failure.connection
    current = None if connection is None or connection.invalidated else connection.info.pop(_SPAN, None)
    if current is not None:
        from opentelemetry.trace import StatusCode

        current.set_attribute("error.type", type(failure.original_exception).__name__)
        current.set_status(StatusCode.ERROR)
        current.end()


_LISTENERS: dict[str, Any] = {
    "before_cursor_execute": _begin_statement,
    "after_cursor_execute": _end_statement,
    "handle_error": _fail_statement,
}
