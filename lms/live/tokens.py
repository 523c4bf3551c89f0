"""Room tokens: which join a heartbeat belongs to, signed, short, and good as long as the server's secret is accepted.

base64url(join id, 4 bytes ‖ HMAC, 16 bytes): 27 signs, so that a heartbeat stays below 100 bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

_LENGTH = 27


def _seal(secret: str, join: bytes) -> bytes:
    key = hashlib.sha256(b"serai room token\0" + secret.encode()).digest()
    return hmac.new(key, join, hashlib.sha256).digest()[:16]


def make_token(secret: str, join_id: int) -> str:
    """The token of a join."""
    join = join_id.to_bytes(4, "big")
    return base64.urlsafe_b64encode(join + _seal(secret, join)).decode().rstrip("=")


def read_token(secrets: Sequence[str], token: str) -> int | None:
    """The join's id, or None for what was made with none of these secrets."""
    if len(token) != _LENGTH or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    join, seal = raw[:4], raw[4:]
    is_ours = any(hmac.compare_digest(seal, _seal(secret, join)) for secret in secrets)
    return int.from_bytes(join, "big") if is_ours else None
