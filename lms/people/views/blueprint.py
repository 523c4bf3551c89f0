"""The blueprint of people's pages, and what several of them share."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, current_app, g, session
from flask_babel import get_locale
from flask_login import login_user

from lms.core import clock
from lms.people import queries
from lms.people.actions import SignedIn
from lms.web.identity import SignedIn as Identity
from lms.web.time import organiser_zone

bp = Blueprint("people", __name__, template_folder="../templates")


def reader_locale() -> str:
    """The language of the page."""
    return str(get_locale() or "en")


def today(at: datetime) -> date:
    """The organiser's day."""
    return clock.day_of(at, organiser_zone())


def in_demonstration() -> bool:
    """Whether the demonstration's password is taken."""
    return bool(current_app.extensions["lms.config"].is_demonstration)


def start_session(signed_in: SignedIn, *, at: datetime) -> None:
    """Begins a new session: nothing of the one before is carried over."""
    actor = queries.load_actor(signed_in.person_id, at)
    if actor is not None:
        session.clear()
        login_user(Identity(actor, signed_in.session_key))
        g.actor = actor
