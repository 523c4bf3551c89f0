"""How pages are found by search engines and shown where they are shared: which pages, and under which address."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, has_request_context, request

from lms.core.base.settings import settings
from lms.core.text.i18n import language_tag
from lms.web.pages.locale import offered
from lms.web.request.guards import is_indexed
from lms.web.request.identity import Unauthenticated, current_actor


def is_found() -> bool:
    """Whether search engines may keep what is being answered: a page declared `indexed`, as a stranger sees it."""
    try:
        return has_request_context() and is_indexed(request.endpoint) and not current_actor().is_signed_in
    except Unauthenticated:
        return False


def canonical(base: str, path: str, page: str | None) -> str:
    """The one address of a page in all languages: of what else is asked, only a further page is kept."""
    further = page is not None and page.isdecimal() and 1 < int(page) < 100_000
    return f"{base}{path}?page={page}" if further else base + path


def alternates(address: str, languages: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(`hreflang`, address) of a page in each of its languages, and what strangers get; none where it has one only."""
    if len(languages) < 2:
        return []
    named = [(language_tag(code), in_language(address, code)) for code, _name in languages]
    return [*named, ("x-default", address)]


def in_language(address: str, code: str) -> str:
    """The address of a page in one language."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'lang': code})}"


def pages_without_arguments(app: Flask) -> list[str]:
    """The paths of all pages that are found and take nothing from the address."""
    rules = app.url_map.iter_rules()
    return sorted(r.rule for r in rules if not r.arguments and "." not in r.rule and is_indexed(r.endpoint))


def init_app(app: Flask) -> None:
    """Tells the templates of `is_found`, `canonical`, `alternates` and `site`, the address of the whole site.

    A page that is asked for in a language (`?lang=`) names itself as canonical, or search engines would ignore it.
    """
    base = app.extensions["lms.config"].base_url

    @app.context_processor
    def description() -> dict[str, Any]:
        if not is_found():
            return {"is_found": False}
        address = canonical(base, request.path, request.args.get("page"))
        code, languages = request.args.get("lang"), offered()
        is_in_one = code is not None and len(languages) > 1 and code in dict(languages)
        return {
            "is_found": True,
            "site": base,
            "canonical": in_language(address, code or "") if is_in_one else address,
            "alternates": alternates(address, languages),
        }


def base_url() -> str:
    """The address of the whole site, without a slash at its end."""
    return settings().base_url
