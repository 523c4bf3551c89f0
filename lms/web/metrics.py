"""`/metrics` for Prometheus: what processes counted (`core.instruments`), and figures that are measured on request."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING

from flask import Request

from lms.config import Config
from lms.core import instruments
from lms.core.gauges import Gauge

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

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        for gauge in self._gauges:
            family = GaugeMetricFamily(f"serai_{gauge.name}", gauge.help, labels=[gauge.label] if gauge.label else [])
            for value, figure in gauge.values.items():
                family.add_metric([value] if gauge.label else [], figure)
            yield family


def render_metrics(gauges: Sequence[Gauge]) -> tuple[bytes, str]:
    """What the processes counted and these figures, in Prometheus' text format, with its media type."""
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
