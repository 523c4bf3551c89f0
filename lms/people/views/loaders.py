"""People's pages: registering and signing in, the account, and administration."""

from collections.abc import Mapping
from datetime import timedelta

import structlog
from flask import Flask, g, has_app_context
from sqlalchemy.exc import OperationalError

from lms.core.base.roles import Actor
from lms.core.time import clock
from lms.people.actions import sessions
from lms.people.queries.access import actor_of_token
from lms.people.queries.countries import country_names
from lms.people.queries.sessions import find_session
from lms.people.rules import SEEN_EVERY
from lms.people.views.blueprint import staff_idle
from lms.web.pages.locale import reader_locale
from lms.web.request import identity

log = structlog.get_logger(__name__)


def country_name(code: str | None) -> str:
    """A country's name in the reader's language, of its code."""
    if not code:
        return ""
    locale = reader_locale()
    names_by_locale: dict[str, Mapping[str, str]] = g.setdefault("country_names", {}) if has_app_context() else {}
    if locale not in names_by_locale:
        names_by_locale[locale] = country_names(locale)
    return names_by_locale[locale].get(code, code)


def _actor_of_session(secret: str) -> Actor | None:
    at = clock.now()
    session = find_session(secret, staff_idle=staff_idle(), at=at)
    if session is None:
        return None
    is_due = not timedelta() <= at - session.seen_at < SEEN_EVERY
    # Staff are signed out by what is in the database: it must not wait there
    if is_due and (session.actor.roles or not sessions.note_use_shared(session.session_id, at=at)):
        g.used_session = session.session_id
    return session.actor


def _write_use(app: Flask, session_id: int) -> None:
    """Writes that a session was used; what cannot be written now is written the next time."""
    with app.app_context():
        try:
            sessions.note_use(session_id, at=clock.now())
        except OperationalError as error:
            log.warning("the use of a session was not noted", error=type(error).__name__)


def init_app(app: Flask) -> None:
    """Tells how sessions and bearer tokens are read; registers the filter `country_name`."""
    identity.register(
        app,
        session=_actor_of_session,
        bearer=lambda secret: actor_of_token(secret, clock.now()),
        write_use=_write_use,
    )
    app.add_template_filter(country_name, "country_name")
