"""The identity of who asks: by the session cookie on pages, by the bearer token under /api; `people` registers how both
are read.

The cookie is signed without a time, so that clocks that disagree sign nobody out. Where staff need a second factor, the
roles of those who have none yet rest.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, current_user
from itsdangerous import BadSignature, URLSafeSerializer

from lms.core.base.roles import ANONYMOUS, Actor
from lms.core.base.settings import settings

SessionLoader = Callable[[str], Actor | None]
BearerLoader = Callable[[str], Actor | None]
UseWriter = Callable[[Flask, int], None]

login_manager = LoginManager()
login_manager.session_protection = None
_KEY = "lms.identity"


class Unauthenticated(Exception):
    """No token, or not a good one (401). Only raised under /api."""


class SignedIn(UserMixin):
    """The user of flask-login: the actor and the key that the session cookie holds."""

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


def is_needed() -> bool:
    """Returns whether roles require a second factor: everywhere except in a demonstration (see `config`)."""
    return settings().staff_needs_second_factor


def without_resting_roles(actor: Actor | None) -> Actor | None:
    """The actor without roles as long as these need a second factor that is not set up; else as it is."""
    if actor is None or not actor.roles or actor.has_second_factor or not is_needed():
        return actor
    return replace(actor, roles=frozenset(), country_ids=frozenset(), roles_rest=True)


class UndatedSessions(SecureCookieSessionInterface):
    """Flask's sessions, without the time in the signature: Flask refuses a cookie from a clock that is ahead."""

    salt = "undated-session"
    digest_method = staticmethod(hashlib.sha256)

    def get_signing_serializer(self, app: Flask) -> URLSafeSerializer:  # type: ignore[override]
        """The serializer that signs with the secret and reads what older secrets signed."""
        return URLSafeSerializer(
            [*(app.config["SECRET_KEY_FALLBACKS"] or ()), app.config["SECRET_KEY"]],
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs={"key_derivation": self.key_derivation, "digest_method": self.digest_method},
        )

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """The session of the cookie; an empty one where there is none or it was altered."""
        cookie = request.cookies.get(self.get_cookie_name(app))
        try:
            return self.session_class(self.get_signing_serializer(app).loads(cookie) if cookie else None)
        except BadSignature:
            return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """As Flask's, except that an answer that caches may keep varies by cookie only if it says so itself."""
        is_same_for_all = response.cache_control.public and "Cookie" not in response.vary
        super().save_session(app, session, response)
        if is_same_for_all and "Set-Cookie" not in response.headers:
            response.vary.discard("cookie")  # Werkzeug finds it in small letters only
