"""Rate limits. Each process counts for itself; nothing is limited in a demonstration but failed sign-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from flask import Response, current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

F = TypeVar("F", bound=Callable[..., object])

limiter = Limiter(key_func=get_remote_address, storage_uri="memory://", strategy="moving-window")


def in_demonstration() -> bool:
    """Whether limits are off because the data folder is a demonstration."""
    return bool(current_app.extensions["lms.config"].is_demonstration)


def bearer_or_address() -> str:
    """Counts API calls by token, else by address."""
    return request.headers.get("Authorization") or get_remote_address()


def was_a_miss(response: Response) -> bool:
    """Whether what was asked for does not exist."""
    return response.status_code == 404


def throttle_guesses(scope: str) -> Callable[[F], F]:
    """Lets an address miss 60 times a minute over all doors of a scope; whoever asks for what exists never waits."""
    return cast(Callable[[F], F], limiter.shared_limit("60 per minute", scope=scope, deduct_when=was_a_miss))
