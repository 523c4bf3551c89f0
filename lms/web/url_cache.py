"""Addresses within this site. Building one is a pure matter of the routes, and a page has fifty: each is built once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask, current_app, has_request_context, request

_KEY = "lms.addresses"
_PLAIN = (str, int, type(None))


def address_of(endpoint: str, /, **values: Any) -> str:
    """What `flask.url_for` answers."""
    plain = endpoint[:1] != "." and "_scheme" not in values and all(type(one) in _PLAIN for one in values.values())
    if plain and has_request_context():
        kept: str = current_app.extensions[_KEY](request.script_root, endpoint, tuple(values.items()))
        return kept
    return current_app.url_for(endpoint, **values)


def init_app(app: Flask) -> None:
    """Keeps the addresses of this app's routes; `url_for` of templates is `address_of`."""

    @lru_cache(maxsize=8192)
    def build(_root: str, endpoint: str, values: tuple[tuple[str, str | int | None], ...]) -> str:
        return app.url_for(endpoint, **dict(values))  # type: ignore[arg-type]

    app.extensions[_KEY] = build
    app.jinja_env.globals["url_for"] = address_of
