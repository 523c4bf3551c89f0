"""How much a route reads of what is sent to it: 1 MB, unless it declares otherwise. nginx has the same limits
(`deploy/nginx/serai.conf`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from flask import Flask, current_app, request
from werkzeug.exceptions import ClientDisconnected, LengthRequired
from werkzeug.sansio.utils import get_content_length
from werkzeug.wsgi import LimitedStream

from lms.core.settings import settings

_LIMIT = "lms.body_limit"
F = TypeVar("F", bound=Callable[..., object])
FORM_BYTES = 64 * 1024
"""The size of a form with a file apart from the file: names, boundaries and short fields."""


PLAIN_BYTES = 1024 * 1024
"""What a view reads that declares nothing."""


def body_limit(size: int) -> Callable[[F], F]:
    """Declares the most bytes that a view reads of a body. A larger one is answered 413, unread."""

    def mark(view: F) -> F:
        view.body_limit = size  # type: ignore[attr-defined]
        return view

    return mark


def upload_limit(view: F) -> F:
    """Declares a view that takes a file or a list of up to `LMS_MAX_UPLOAD_MB`."""
    view.takes_upload = True  # type: ignore[attr-defined]
    return view


def material_limit(view: F) -> F:
    """Declares a view that takes a file of a lecture: up to `LMS_MAX_MATERIAL_MB`, also where that is more than what
    other views read."""
    view.takes_material = True  # type: ignore[attr-defined]
    return view


def limit_of(endpoint: str | None) -> int:
    """How much the view of an endpoint reads of a body."""
    site: int = current_app.config["MAX_CONTENT_LENGTH"] or sys.maxsize
    view = current_app.view_functions.get(endpoint or "")
    if getattr(view, "takes_material", False):
        return settings().max_material_mb * 1024 * 1024 + FORM_BYTES
    return min(site, site if getattr(view, "takes_upload", False) else getattr(view, "body_limit", PLAIN_BYTES))


class _WholeBodies:
    """Reads what a view leaves of a body: the connection would be reset, and its client never see the answer.

    Bodies without a length are refused with 411, so that limits hold before anything is read; nginx, which buffers
    requests, adds the length.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING"):
            return LengthRequired()(environ, start_response)
        length = get_content_length(environ.get("CONTENT_LENGTH")) or 0
        body = environ["wsgi.input"] = LimitedStream(environ["wsgi.input"], length)
        answer = self._app(environ, start_response)
        if length <= environ.get(_LIMIT, 0):
            with suppress(ClientDisconnected):
                while body.read(64 * 1024):
                    pass
        return answer


def init_app(app: Flask) -> None:
    """Reads bodies to their end."""
    app.wsgi_app = _WholeBodies(app.wsgi_app)  # type: ignore[method-assign]


def set_limit() -> None:
    """Sets how much the view of the request reads of its body."""
    request.max_content_length = request.environ[_LIMIT] = limit_of(request.endpoint)
