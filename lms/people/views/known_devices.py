"""Browsers that have signed in before. A signed cookie says to which account, as OWASP's device cookies do: strangers
who guess at a password close the account to themselves, and not to its owner.
"""

import secrets
from typing import Final

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from lms.core.time import clock
from lms.people.actions.accounts import KnownDevice
from lms.people.rules import DEVICE_LASTS

_SALT: Final = "known-device"


def known_device() -> KnownDevice | None:
    """The browser that asks, if it has signed in before; None for a cookie that is missing, altered or too old."""
    try:
        # Without `max_age`: a mark of a server whose clock is ahead is good too
        marked, marked_at = _serializer().loads(request.cookies.get(_name(), ""), return_timestamp=True)
        return KnownDevice(int(marked[0]), str(marked[1])) if clock.now() - marked_at <= DEVICE_LASTS else None
    except (BadData, IndexError, KeyError, TypeError, ValueError):
        return None


def remember(answer: Response, person_id: int) -> Response:
    """Marks the browser as having signed in to this account; a new mark each time."""
    answer.set_cookie(
        _name(),
        _serializer().dumps([person_id, secrets.token_urlsafe(12)]),
        max_age=int(DEVICE_LASTS.total_seconds()),
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return answer


def _name() -> str:
    return "__Host-device" if current_app.config["SESSION_COOKIE_SECURE"] else "device"


def _serializer() -> URLSafeTimedSerializer:
    old = current_app.config["SECRET_KEY_FALLBACKS"] or []
    return URLSafeTimedSerializer([*old, current_app.config["SECRET_KEY"]], salt=_SALT)
