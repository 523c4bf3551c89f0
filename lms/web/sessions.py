"""The session cookie: signed without a time, so that clocks that disagree sign nobody out.

A sign-in has its times in the database (`people.models.SignInSession`).
"""

from __future__ import annotations

import hashlib

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeSerializer


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
