"""A request's id, in every line that is logged of it and in its answer; one line a request; its duration as a metric.

The id comes from a trusted proxy's `X-Request-ID` (only if `LMS_PROXIES` is set), otherwise it is made here. `/metrics`
has what processes counted (`instruments`), and figures that are measured on request.
"""

import hmac
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Request, Response, g, request

from lms.config import Config
from lms.core.background import instruments, tracing
from lms.core.background.instruments import Gauge
from lms.core.base.roles import Actor
from lms.core.base.settings import settings

if TYPE_CHECKING:
    from prometheus_client import Metric


API, HEARTBEAT, PAGE, SERVICE, STATIC = "api", "heartbeat", "page", "service", "static"
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")
_SERVICE_ENDPOINTS = frozenset({"web.healthz", "web.readyz", "dashboards.metrics"})


def kind_of(endpoint: str | None, path: str) -> str:
    """The kind of a request that it is counted under."""
    if endpoint == "live_api.presence":
        return HEARTBEAT
    if endpoint == "static":
        return STATIC
    if endpoint in _SERVICE_ENDPOINTS:
        return SERVICE
    return API if path.startswith("/api/") else PAGE


def observe_request(kind: str, status: int, seconds: float) -> None:
    """Counts one request."""
    instruments.REQUESTS.observe(seconds, kind, f"{status // 100}xx")


class _Gauges:
    def __init__(self, gauges: Sequence[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        for gauge in self._gauges:
            family = GaugeMetricFamily(f"serai_{gauge.name}", gauge.help, labels=[gauge.label] if gauge.label else [])
            for value, figure in gauge.values.items():
                family.add_metric([value] if gauge.label else [], figure)
            yield family


def render_metrics(gauges: Sequence[Gauge]) -> tuple[bytes, str]:
    """Returns what the processes counted and these figures, in Prometheus' text format, with its media type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    instruments.register_all(registry)
    registry.register(_Gauges(gauges))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def may_read_metrics(request: Request, config: Config) -> bool:
    """Whether metrics are open to this request: from this machine and not through a proxy, or with the token."""
    peer = request.environ.get("werkzeug.proxy_fix.orig", request.environ).get("REMOTE_ADDR")
    is_forwarded = any(name in request.headers for name in _FORWARDED)
    return _is_allowed(request.headers.get("Authorization", ""), None if is_forwarded else peer, config)


def _is_allowed(authorization: str, peer: str | None, config: Config) -> bool:
    scheme, _space, token = authorization.partition(" ")
    if config.metrics_token and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), config.metrics_token.encode())
    return peer is not None and peer != "" and ip_address(peer).is_loopback


def serve_metrics(config: Config, host: str, port: int) -> ThreadingHTTPServer:
    """Answers `/metrics` of a process without web pages, in a thread, to the same readers as that of the site."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "Serai"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            """Answers with the metrics of this process."""
            peer = None if any(name in self.headers for name in _FORWARDED) else str(self.client_address[0])
            if self.path != "/metrics" or not _is_allowed(self.headers.get("Authorization", ""), peer, config):
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            text, media_type = render_metrics([])
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Writes no line: nothing that is only counted has one."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_NOT_LOGGED = frozenset({HEARTBEAT, SERVICE, STATIC})
"""Kinds of requests that are only counted (see `/metrics`), unless they fail."""
log = structlog.get_logger(__name__)


def request_id() -> str:
    """The id of the running request."""
    value: str = g.request_id
    return value


def reference(status: int) -> str | None:
    """Returns what a person quotes when reporting an error of this status: the request's id. None if there is none to
    report.

    A 404 has none: what does not exist and what is hidden answer with the same text.
    """
    return g.get("request_id") if status == 403 or status >= 500 else None


def init_app(app: Flask) -> None:
    """Gives templates `reference`."""
    app.jinja_env.globals["reference"] = reference


def begin() -> None:
    """Gives the request its id and binds it to the log."""
    g.started = time.perf_counter()
    given = request.headers.get(HEADER, "") if settings().proxies > 0 else ""
    g.request_id = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if tracing.is_on():
        route = request.url_rule.rule if request.url_rule is not None else None
        parent = dict(request.headers) if settings().proxies > 0 else {}
        g.request_span = tracing.RequestSpan(request.method, route, {key.lower(): parent[key] for key in parent})
        structlog.contextvars.bind_contextvars(trace_id=g.request_span.trace_id)


def end(answer: Response) -> Response:
    """Counts the answer, and logs it if it failed or is of a kind that is logged."""
    if "started" not in g:  # the request was refused before any hook ran
        return answer
    seconds = time.perf_counter() - g.started
    kind = kind_of(request.endpoint, request.path)
    observe_request(kind, answer.status_code, seconds)
    answer.headers[HEADER] = g.request_id
    if "request_span" in g:
        g.request_span.set_status(answer.status_code)
    if answer.status_code >= 400 or kind not in _NOT_LOGGED:
        actor: Actor | None = g.get("actor")
        log.info(
            "request",
            method=request.method,
            endpoint=request.endpoint,
            status=answer.status_code,
            ms=round(seconds * 1000, 1),
            person=actor.person_id if actor is not None else None,
        )
    return answer


def forget(_error: BaseException | None) -> None:
    """Ends the trace of the request, and unbinds its id from the log."""
    if (span := g.pop("request_span", None)) is not None:
        span.end()
    structlog.contextvars.clear_contextvars()
