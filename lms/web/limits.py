"""Rate limits. Each process counts for itself; nothing is limited in a demonstration but failed sign-ins."""

from __future__ import annotations

from flask import current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(key_func=get_remote_address, storage_uri="memory://", strategy="moving-window")


def in_demonstration() -> bool:
    """Whether limits are off because the data folder is a demonstration."""
    return bool(current_app.extensions["lms.config"].is_demonstration)


def bearer_or_address() -> str:
    """Counts API calls by token, else by address."""
    return request.headers.get("Authorization") or get_remote_address()
