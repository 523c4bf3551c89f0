"""The blueprint of people's pages, and what several of them share."""

from datetime import date, datetime, timedelta

from flask import Blueprint, Response, flash, g, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user

from lms.core.base.roles import Actor, Role
from lms.core.base.settings import settings
from lms.core.text.i18n import spoken
from lms.core.time import clock
from lms.people.actions.sessions import begin_second_step, begin_session, note_sign_in, sign_out
from lms.people.devices import Device, describe
from lms.people.queries.access import load_actor
from lms.people.queries.factors import has_second_factor
from lms.people.queries.sessions import find_session
from lms.people.rules import SECOND_STEP_LASTS
from lms.people.views.known_devices import remember
from lms.web.pages.locale import chosen_language
from lms.web.pages.time import cookie_zone, organiser_zone
from lms.web.request.identity import SignedIn as Identity
from lms.web.request.identity import current_actor, without_resting_roles
from lms.web.views import is_local, with_choice

_SECOND_STEP = "awaits_code"
LONGEST_NEXT = 500
"""Signs of an address that is kept: it goes into the table of links."""
bp = Blueprint("people", __name__, template_folder="../templates")


def today(at: datetime) -> date:
    """The organiser's day."""
    return clock.day_of(at, organiser_zone())


def landing(actor: Actor) -> str:
    """The page where somebody begins: the dashboard of the highest role, else one's own lectures."""
    if actor.has(Role.ADMINISTRATOR):
        return url_for("dashboards.admin")
    if actor.has(Role.INSTRUCTOR):
        return url_for("dashboards.teach")
    if actor.has(Role.FOCAL_POINT):
        return url_for("dashboards.country")
    return url_for("dashboards.me")


def kept_next() -> str | None:
    """The local path that somebody wanted before signing in."""
    following = request.values.get("next")
    return following if is_local(following) and len(following or "") <= LONGEST_NEXT else None


def staff_idle() -> timedelta:
    """How long staff may leave a session unused before it ends."""
    return timedelta(minutes=settings().staff_idle_minutes)


def session_secret() -> str | None:
    """The secret of the session that the cookie carries."""
    return session.get("_user_id")


def start_session(person_id: int, *, at: datetime) -> None:
    """Begins a new session: the one before ends, and nothing of it is carried over."""
    actor = without_resting_roles(load_actor(person_id, at))
    if actor is not None:
        replaced = [secret for secret in (session_secret(), session.get(_SECOND_STEP)) if secret]
        lasts = timedelta(days=settings().session_days)
        secret = begin_session(person_id, _device(), lasts=lasts, at=at, replaced=replaced)
        session.clear()
        login_user(Identity(actor, secret))
        g.actor = actor


def end_session(at: datetime) -> None:
    """Ends the session of this browser, here and on the server."""
    secret = session_secret()
    if secret:
        sign_out(secret, at=at)
    logout_user()
    session.clear()


def _device() -> Device:
    return describe(request.user_agent.string)


def enter(person_id: int, *, at: datetime, following: str | None = None) -> ResponseReturnValue:
    """Continues after the first step: to the second where there is a second factor, otherwise signed in.

    `following` is the next page where the address of this page does not have it: the link from a mail stored it.
    """
    following = kept_next() or (following if is_local(following) else None)
    if has_second_factor(person_id):
        end_session(at)
        session[_SECOND_STEP] = begin_second_step(person_id, _device(), at=at)
        return redirect(url_for("people.sign_in", next=following))
    return let_in(person_id, at=at, following=following)


def let_in(person_id: int, *, at: datetime, following: str | None) -> ResponseReturnValue:
    """Begins the session of somebody who has given all that was asked for, and leads on to a local path."""
    note_sign_in(person_id, zone=cookie_zone(), at=at)
    start_session(person_id, at=at)
    answer = remember(make_response(redirect(following or landing(current_actor()))), person_id)
    return _ask_for_language(answer)


def _ask_for_language(answer: Response) -> Response:
    """Has the next page ask, once, whether to keep a language that was chosen in this browser before signing in.

    Pages and e-mails have the account's language, which staff or a focal point may have set, until its owner says so.
    """
    chosen, stored = chosen_language(), spoken(current_actor().locale)
    if chosen is None or chosen == stored or not current_actor().is_signed_in:
        return answer
    flash(chosen, "language")
    return with_choice(answer, "lang", stored)


def second_step(at: datetime) -> int | None:
    """The person who has given the password but not yet the code; None without one, or after too long."""
    secret = session.get(_SECOND_STEP)
    if not secret:
        return None
    signed_in = find_session(secret, staff_idle=SECOND_STEP_LASTS, at=at, awaits_code=True)
    return signed_in.actor.person_id if signed_in is not None else None


def forget_second_step() -> None:
    """Begins signing in from the start."""
    session.pop(_SECOND_STEP, None)
