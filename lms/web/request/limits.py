"""Rate limits. The web processes of a server count together (`rates`); a demonstration limits failed sign-ins only.

What is above a limit is answered 429 with `Retry-After` in whole seconds. A whole ministry may sit behind one address,
so heartbeats are never limited here, and limits that stop guesses count only what was wrong.
"""

import hashlib
import math
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar, cast

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItemPerMinute

from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.web.pages.problems import problem
from lms.web.request.identity import current_actor

F = TypeVar("F", bound=Callable[..., object])

TOKEN_CALLS = RateLimitItemPerMinute(600)


def client_network() -> str:
    """Returns whose requests are counted together: an IPv4 address, or a /64 of IPv6, as in `deploy/nginx/serai.conf`.

    Everybody who has an IPv6 address has 2^64 of them.
    """
    text = get_remote_address()
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if not isinstance(address, IPv6Address):
        return text
    return str(address.ipv4_mapped or ip_network((address.packed, 64), strict=False))


limiter = Limiter(key_func=client_network, strategy="moving-window")


def in_demonstration() -> bool:
    """Whether the data folder is a demonstration: its password is accepted, and limits are off."""
    return settings().is_demonstration


def was_a_miss(response: Response) -> bool:
    """Whether what was asked for does not exist."""
    return response.status_code == 404


def was_refused(response: Response) -> bool:
    """Whether the answer is a refusal."""
    return response.status_code >= 400


def throttle_sign_ins(view: F) -> F:
    """Limits an address to 30 sign-ins a minute that fail, and to 300 in all, for what passwords take to check."""
    failed = limiter.shared_limit("30/minute", scope="failed sign-ins", methods=["POST"], deduct_when=was_refused)
    return cast(F, limiter.shared_limit("300/minute", scope="sign-ins", methods=["POST"])(failed(view)))


def throttle_mails(view: F) -> F:
    """Limits an address to 60 forms a minute that have a link mailed. How many a mailbox gets is limited apart."""
    return cast(F, limiter.shared_limit("60/minute", scope="mail", methods=["POST"])(view))


def throttle_guesses(scope: str) -> Callable[[F], F]:
    """Limits an address to 60 misses a minute over all routes of a scope. Requests that find something never wait."""
    return cast(Callable[[F], F], limiter.shared_limit("60 per minute", scope=scope, deduct_when=was_a_miss))


def throttle_reads(scope: str) -> Callable[[F], F]:
    """Limits an address to 120 anonymous reads a minute over all public routes of a scope."""
    return cast(
        Callable[[F], F],
        limiter.shared_limit("120 per minute", scope=scope, exempt_when=lambda: current_actor().is_signed_in),
    )


def init_app(app: Flask) -> None:
    """Registers the hook of Flask-Limiter, which checks the limits of a route."""
    limiter.init_app(app)
    limiter.request_filter(in_demonstration)


def count_token() -> Response | None:
    """Refuses a token's call with 429 above 600 a minute, whatever the calls are answered."""
    header = request.headers.get("Authorization")
    if header is None or not request.path.startswith("/api/") or not limiter.enabled or in_demonstration():
        return None
    if not current_actor().is_signed_in:
        return None
    token = hashlib.sha256(header.encode()).hexdigest()
    if limiter.limiter.hit(TOKEN_CALLS, "token", token):
        return None
    free_at = limiter.limiter.get_window_stats(TOKEN_CALLS, "token", token).reset_time
    seconds = max(1, math.ceil(free_at - time.time()))
    return problem(
        429,
        _("Each token is limited to %(n)s calls a minute. Wait a moment and try again.", n=TOKEN_CALLS.amount),
        headers={"Retry-After": str(seconds)},
    )
