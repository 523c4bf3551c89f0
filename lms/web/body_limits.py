"""How much a route reads of what is sent to it: 1 MB, unless it declares otherwise. nginx has the same limits
(`deploy/nginx/serai.conf`)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote

from flask import Flask, request
from werkzeug.exceptions import HTTPException

F = TypeVar("F", bound=Callable[..., object])
FORM_BYTES = 64 * 1024
"""What a form with a file has beside the file: names, boundaries and short fields."""


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


def most_bytes(app: Flask, method: str, path: str) -> int:
    """How much is read of a body that is sent to a path, percent-encoded or not; 0 where nothing is there."""
    try:
        endpoint, _arguments = app.url_map.bind("").match(unquote(path), method)
    except HTTPException:
        return 0
    return limit_of(app, endpoint)


def limit_of(app: Flask, endpoint: str | None) -> int:
    """How much the view of an endpoint reads of a body."""
    site: int = app.config["MAX_CONTENT_LENGTH"] or sys.maxsize
    view = app.view_functions.get(endpoint or "")
    if getattr(view, "takes_material", False):
        return int(app.extensions["lms.config"].max_material_mb) * 1024 * 1024 + FORM_BYTES
    return min(site, site if getattr(view, "takes_upload", False) else getattr(view, "body_limit", PLAIN_BYTES))


def init_app(app: Flask) -> None:
    """Sets the limit of each request before anything reads its body: wire it before all that do."""

    @app.before_request
    def limit() -> None:
        request.max_content_length = limit_of(app, request.endpoint)
