"""Parts of pages that are the same for everyone who reads one language: rendered once for their values, and cached.

A part is a template that is given values and knows nothing else: neither the reader, nor the time, nor a form's token.
It is cached by these values, so each of them must be hashable and never change: a text, a number, a tuple, or an object
that is equal to itself only and is rebuilt when its rows change (as `reports.queries.Headline`).
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache

from flask import Flask, current_app
from markupsafe import Markup

from lms.web.locale import direction, reader_locale

_KEY = "lms.kept"


def kept(template: str, /, **given: Hashable) -> Markup:
    """A part of a page, in the reader's language."""
    made: Markup = current_app.extensions[_KEY](template, reader_locale(), tuple(given.items()))
    return made


def init_app(app: Flask) -> None:
    """Makes the place of this app where parts are kept, and tells the templates of `kept`."""

    @lru_cache(maxsize=256)
    def render(template: str, locale: str, given: tuple[tuple[str, Hashable], ...]) -> Markup:
        page = app.jinja_env.get_template(template)
        made = page.render(dict(given), locale=locale, direction=direction(locale), request=None, session=None, g=None)
        if "csrf_token" in made:
            raise RuntimeError(f"{template} holds somebody's token: it cannot be kept")
        return Markup(made)  # noqa: S704 - escaped by the template

    app.extensions[_KEY] = render
    app.jinja_env.globals["kept"] = kept
