"""How much a route reads of what is sent to it, where that is less than `LMS_MAX_UPLOAD_MB`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, request

F = TypeVar("F", bound=Callable[..., object])
FORM_BYTES = 64 * 1024
"""What a form with a file has beside the file: names, boundaries and short fields."""


def body_limit(size: int) -> Callable[[F], F]:
    """Declares the most bytes that a view reads of a body, at least 1 MB. A larger form is answered 413, unread."""

    def mark(view: F) -> F:
        view.body_limit = size  # type: ignore[attr-defined]
        return view

    return mark


def init_app(app: Flask) -> None:
    """Lowers the limit of each request before anything reads its body: wire it before all that do."""

    @app.before_request
    def lower() -> None:
        size = getattr(app.view_functions.get(request.endpoint or ""), "body_limit", None)
        if size is not None:
            request.max_content_length = min(size, app.config["MAX_CONTENT_LENGTH"])
