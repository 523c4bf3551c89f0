"""People's pages: registering and signing in, the account, and administration."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, g, has_app_context

from lms.core import clock
from lms.people import queries
from lms.people.views import account, admin, doors, factors
from lms.people.views.blueprint import bp
from lms.web import identity
from lms.web.locale import reader_locale

__all__ = ["account", "admin", "bp", "doors", "factors", "init_app"]


def country_name(code: str | None) -> str:
    """A country's name in the reader's language, of its code."""
    if not code:
        return ""
    locale = reader_locale()
    kept: dict[str, Mapping[str, str]] = g.setdefault("country_names", {}) if has_app_context() else {}
    if locale not in kept:
        kept[locale] = queries.country_names(locale)
    return kept[locale].get(code, code)


def init_app(app: Flask) -> None:
    """Tells how sessions and bearer tokens are read; registers the filter `country_name`."""
    identity.register(
        app,
        session=lambda key: queries.actor_of_session(key, clock.now()),
        bearer=lambda secret: queries.actor_of_token(secret, clock.now()),
    )
    app.add_template_filter(country_name, "country_name")
