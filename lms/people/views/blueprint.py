"""The blueprint of people's pages, and what several of them share."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user

from lms.core import clock
from lms.core.roles import Actor, Role
from lms.people import actions, queries
from lms.people.actions import SignedIn
from lms.people.rules import SECOND_STEP_LASTS
from lms.web.identity import SignedIn as Identity
from lms.web.identity import current_actor
from lms.web.second_factor import rested
from lms.web.time import organiser_zone
from lms.web.views import is_local

_SECOND_STEP = "second_step"
LONGEST_NEXT = 500
"""Signs of an address that is kept: it goes into the table of links."""
bp = Blueprint("people", __name__, template_folder="../templates")


def today(at: datetime) -> date:
    """The organiser's day."""
    return clock.day_of(at, organiser_zone())


def in_demonstration() -> bool:
    """Whether the demonstration's password is taken."""
    return bool(current_app.extensions["lms.config"].is_demonstration)


def landing(actor: Actor) -> str:
    """The page where somebody begins: the desk of the highest role, else one's own lectures."""
    if actor.has(Role.ADMINISTRATOR):
        return url_for("desks.admin")
    if actor.has(Role.INSTRUCTOR):
        return url_for("desks.teach")
    if actor.has(Role.FOCAL_POINT):
        return url_for("desks.country")
    return url_for("desks.me")


def kept_next() -> str | None:
    """The local path that somebody wanted before signing in."""
    following = request.values.get("next")
    return following if is_local(following) and len(following or "") <= LONGEST_NEXT else None


def start_session(signed_in: SignedIn, *, at: datetime) -> None:
    """Begins a new session: nothing of the one before is carried over."""
    actor = rested(queries.load_actor(signed_in.person_id, at))
    if actor is not None:
        session.clear()
        login_user(Identity(actor, signed_in.session_key))
        g.actor = actor


def enter(signed_in: SignedIn, *, at: datetime, following: str | None = None) -> ResponseReturnValue:
    """Goes on after the first step: to the second where there is a second factor, else in.

    `following` leads on where the address of this page does not say it: the link from a mail kept it.
    """
    following = kept_next() or (following if is_local(following) else None)
    if queries.has_second_factor(signed_in.person_id):
        session.clear()
        session[_SECOND_STEP] = [signed_in.session_key, int(at.timestamp())]
        return redirect(url_for("people.sign_in", next=following))
    return let_in(signed_in, at=at, following=following)


def let_in(signed_in: SignedIn, *, at: datetime, following: str | None) -> ResponseReturnValue:
    """Begins the session of somebody who has given all that was asked for, and leads on to a local path."""
    actions.note_sign_in(signed_in.person_id, at=at)
    start_session(signed_in, at=at)
    return redirect(following or landing(current_actor()))


def second_step(at: datetime) -> SignedIn | None:
    """Who has given the password and still owes the code; None where nobody has, or too long ago."""
    key, began = session.get(_SECOND_STEP, ("", 0))
    if not 0 <= at.timestamp() - began <= SECOND_STEP_LASTS.total_seconds() + 1:
        return None
    actor = queries.actor_of_session(key, at)
    return SignedIn(actor.person_id, key) if actor is not None and actor.person_id is not None else None


def forget_second_step() -> None:
    """Begins signing in from the start."""
    session.pop(_SECOND_STEP, None)
