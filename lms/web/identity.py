"""The current actor: the session cookie on pages, the bearer token under /api; `people` registers how both are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import Flask, Response, current_app, g, request
from flask_login import LoginManager, UserMixin, current_user

from lms.core.roles import ANONYMOUS, Actor
from lms.web.second_factor import without_resting_roles

SessionLoader = Callable[[str], Actor | None]
BearerLoader = Callable[[str], Actor | None]
UseWriter = Callable[[Flask, int], None]

login_manager = LoginManager()
login_manager.session_protection = None
_KEY = "lms.identity"


class Unauthenticated(Exception):
    """No token, or not a good one (401). Only raised under /api."""


class SignedIn(UserMixin):
    """What flask-login keeps: the actor and the key that the session cookie holds."""

    def __init__(self, actor: Actor, key: str) -> None:
        self.actor = actor
        self.key = key

    def get_id(self) -> str:
        return self.key


@dataclass(frozen=True)
class _Loaders:
    session: SessionLoader
    bearer: BearerLoader
    write_use: UseWriter


def register(app: Flask, *, session: SessionLoader, bearer: BearerLoader, write_use: UseWriter) -> None:
    """Registers how session keys and bearer tokens are read, and how the use of a session is written.

    `session` and `bearer` return None for invalid ones. `session` puts the id of a session whose use is to be written
    into `g.used_session`.
    """
    app.extensions[_KEY] = _Loaders(session, bearer, write_use)


def note_use(answer: Response) -> Response:
    """Has the use of a session written once the answer has gone: nobody waits for it."""
    session_id = g.pop("used_session", None)
    if session_id is not None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        answer.call_on_close(partial(_loaders().write_use, app, session_id))
    return answer


def init_app(app: Flask) -> None:
    """Wires flask-login."""
    login_manager.init_app(app, add_context_processor=False)  # pages have `actor`, also while nobody can be looked up

    @login_manager.user_loader
    def load(key: str) -> SignedIn | None:
        actor = without_resting_roles(_loaders().session(key))
        return SignedIn(actor, key) if actor is not None else None


def _loaders() -> _Loaders:
    loaders: _Loaders = current_app.extensions[_KEY]
    return loaders


def current_actor() -> Actor:
    """The actor of this request, read once. A bad bearer token raises Unauthenticated, never falls back."""
    if "actor" not in g:
        g.actor = _read_actor()
    actor: Actor = g.actor
    return actor


def _read_actor() -> Actor:
    if not request.path.startswith("/api/"):
        return getattr(current_user, "actor", ANONYMOUS)
    header = request.headers.get("Authorization")
    if header is None:
        return ANONYMOUS
    scheme, _space, token = header.partition(" ")
    actor = without_resting_roles(_loaders().bearer(token.strip())) if scheme.lower() == "bearer" else None
    if actor is None:
        raise Unauthenticated
    return actor
