"""How much a route reads of what is sent to it, where that is less than `LMS_MAX_UPLOAD_MB`."""

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


def body_limit(size: int) -> Callable[[F], F]:
    """Declares the most bytes that a view reads of a body. A larger one is answered 413, unread."""

    def mark(view: F) -> F:
        view.body_limit = size  # type: ignore[attr-defined]
        return view

    return mark


def most_bytes(app: Flask, method: str, path: str) -> int:
    """How much is read of a body that is sent to a path, percent-encoded or not; 0 where nothing is there."""
    try:
        endpoint, _arguments = app.url_map.bind("").match(unquote(path), method)
    except HTTPException:
        return 0
    return _limit(app, endpoint)


def _limit(app: Flask, endpoint: str | None) -> int:
    site: int = app.config["MAX_CONTENT_LENGTH"] or sys.maxsize
    return min(site, getattr(app.view_functions.get(endpoint or ""), "body_limit", site))


def init_app(app: Flask) -> None:
    """Lowers the limit of each request before anything reads its body: wire it before all that do."""

    @app.before_request
    def lower() -> None:
        request.max_content_length = _limit(app, request.endpoint)
