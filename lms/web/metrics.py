"""Metrics of requests for Prometheus: how many, how long, with what status.

`lms serve` names a folder in PROMETHEUS_MULTIPROC_DIR, through which the web processes share their counts; the process
that answers `/metrics` adds them up. The library reads that name when it is first imported, hence the late imports.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from flask import Request

from lms.config import Config
from lms.core.gauges import Gauge

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram, Metric

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
API, HEARTBEAT, PAGE, SERVICE, STATIC = "api", "heartbeat", "page", "service", "static"
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")
_SERVICE_ENDPOINTS = frozenset({"web.healthz", "web.readyz", "dashboards.metrics"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def kind_of(endpoint: str | None, path: str) -> str:
    """The kind of a request that it is counted under."""
    if endpoint == "live_api.presence":
        return HEARTBEAT
    if endpoint == "static":
        return STATIC
    if endpoint in _SERVICE_ENDPOINTS:
        return SERVICE
    return API if path.startswith("/api/") else PAGE


@lru_cache(maxsize=1)
def _durations() -> Histogram:
    from prometheus_client import Histogram

    return Histogram(
        "serai_request_duration_seconds",
        "Duration of requests, by kind (page, api, heartbeat, static, service) and status (2xx to 5xx).",
        ["kind", "status"],
        buckets=_BUCKETS,
        registry=None,
    )


def observe_request(kind: str, status: int, seconds: float) -> None:
    """Counts one request."""
    _durations().labels(kind, f"{status // 100}xx").observe(seconds)


@lru_cache(maxsize=1)
def _typesetting_timeouts() -> Counter:
    from prometheus_client import Counter

    return Counter(
        "serai_typesetting_timeouts", "Requests for a file that could not be prepared in time.", registry=None
    )


def count_typesetting_timeout() -> None:
    """Counts one request for a file that could not be prepared in time."""
    _typesetting_timeouts().inc()


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
    """The requests of all web processes and these figures, in Prometheus' text format, with its media type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    timeouts = _typesetting_timeouts()  # made before it is read: it is listed with 0 too
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    else:
        registry.register(_durations())
        registry.register(timeouts)
    registry.register(_Gauges(gauges))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def may_read_metrics(request: Request, config: Config) -> bool:
    """Whether metrics are open to this request: from this machine and not through a proxy, or with the token."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if config.metrics_token and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), config.metrics_token.encode())
    peer = request.environ.get("werkzeug.proxy_fix.orig", request.environ).get("REMOTE_ADDR")
    if not peer or any(name in request.headers for name in _FORWARDED):
        return False
    return ip_address(peer).is_loopback
