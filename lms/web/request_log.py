"""A request's id, in every line that is logged of it and in its answer; one line a request; its duration as a metric.

The id comes from a trusted proxy's `X-Request-ID` (only if `LMS_PROXIES` is set), otherwise it is made here.
"""

from __future__ import annotations

import re
import secrets
import time

import structlog
from flask import Flask, Response, g, request

from lms.core import tracing
from lms.core.roles import Actor
from lms.core.settings import settings
from lms.web.metrics import HEARTBEAT, SERVICE, STATIC, kind_of, observe_request

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
    """What a person quotes when reporting an error of this status: the request's id. None if there is none to report.

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
