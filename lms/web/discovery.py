"""How pages are found by search engines and shown where they are shared: which pages, and under which address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, has_request_context, request

from lms.core.settings import settings
from lms.web.guards import is_indexed
from lms.web.identity import Unauthenticated, current_actor


def is_found() -> bool:
    """Whether search engines may keep what is being answered: a page declared `indexed`, as a stranger sees it."""
    try:
        return has_request_context() and is_indexed(request.endpoint) and not current_actor().is_signed_in
    except Unauthenticated:
        return False


def canonical(base: str, path: str, page: str | None) -> str:
    """The one address of a page. What else is asked of it, as a filter, is not kept; a further page of a list is."""
    further = page is not None and page.isdecimal() and 1 < int(page) < 100_000
    return f"{base}{path}?page={page}" if further else base + path


def alternates(address: str, languages: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(`hreflang`, address) of a page in each of its languages, and what strangers get; none where it has one only."""
    if len(languages) < 2:
        return []
    mark = "&" if "?" in address else "?"
    named = [(code.replace("_", "-"), address + mark + urlencode({"lang": code})) for code, _name in languages]
    return [*named, ("x-default", address)]


def pages_without_arguments(app: Flask) -> list[str]:
    """The paths of all pages that are found and take nothing from the address."""
    rules = app.url_map.iter_rules()
    return sorted(r.rule for r in rules if not r.arguments and "." not in r.rule and is_indexed(r.endpoint))


def init_app(app: Flask) -> None:
    """Tells the templates of `is_found`, `canonical`, `alternates` and `site`, the address of the whole site."""
    base = app.extensions["lms.config"].base_url

    @app.context_processor
    def description() -> dict[str, Any]:
        if not is_found():
            return {"is_found": False}
        return {
            "is_found": True,
            "site": base,
            "canonical": canonical(base, request.path, request.args.get("page")),
            "alternates": alternates,
        }


def base_url() -> str:
    """The address of the whole site, without a slash at its end."""
    return settings().base_url
