"""Room tokens and marks of the server's time: signed, short, and valid as long as the server's secret is accepted.

A token identifies the join of a heartbeat: base64url(join id, 4 bytes ‖ HMAC, 16 bytes), 27 characters, so that a
heartbeat stays below 100 bytes. A mark is the time when the server last received a heartbeat of a join: base64url(join
id, 4 bytes ‖ milliseconds, 6 bytes ‖ HMAC, 16 bytes), 35 characters. Each has its own key, so neither passes for the
other. A replay token says which lecture a person began to watch again, and when.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from lms.core.time import clock

_TOKEN, _MARK = b"serai room token\0", b"serai room mark\0"
_ID, _TIME, _SEAL = 4, 6, 16


def _seal(secret: str, purpose: bytes, content: bytes) -> bytes:
    key = hashlib.sha256(purpose + secret.encode()).digest()
    return hmac.new(key, content, hashlib.sha256).digest()[:_SEAL]


def _make(secret: str, purpose: bytes, content: bytes) -> str:
    return base64.urlsafe_b64encode(content + _seal(secret, purpose, content)).decode().rstrip("=")


def _read(secrets: Sequence[str], purpose: bytes, text: str, length: int) -> bytes | None:
    """The content of `length` bytes, or None for what was made with none of these secrets."""
    size = length + _SEAL
    if len(text) != -(-size * 8 // 6) or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    content, seal = raw[:length], raw[length:]
    is_ours = any(hmac.compare_digest(seal, _seal(secret, purpose, content)) for secret in secrets)
    return content if is_ours else None


def make_token(secret: str, join_id: int) -> str:
    """The token of a join."""
    return _make(secret, _TOKEN, join_id.to_bytes(_ID, "big"))


def read_token(secrets: Sequence[str], token: str) -> int | None:
    """The join's id, or None for what was made with none of these secrets."""
    content = _read(secrets, _TOKEN, token, _ID)
    return int.from_bytes(content, "big") if content is not None else None


def make_mark(secret: str, join_id: int, ms: int) -> str:
    """The mark that the server heard of a join at this time (milliseconds UTC)."""
    return _make(secret, _MARK, join_id.to_bytes(_ID, "big") + ms.to_bytes(_TIME, "big"))


def read_mark(secrets: Sequence[str], mark: str) -> tuple[int, int] | None:
    """The join's id and the time, or None for what was made with none of these secrets."""
    content = _read(secrets, _MARK, mark, _ID + _TIME)
    return (int.from_bytes(content[:_ID], "big"), int.from_bytes(content[_ID:], "big")) if content is not None else None


REPLAY_TOKEN_AGE = timedelta(hours=12)
_REPLAY_SALT = "serai replay"


def make_replay_token(secret: str, lecture_id: int, person_id: int, *, at: datetime) -> str:
    """The token with which a page reports what it plays of a replay."""
    return str(URLSafeSerializer(secret, salt=_REPLAY_SALT).dumps([lecture_id, person_id, clock.to_ms(at)]))


def read_replay_token(secrets: Sequence[str], token: str, lecture_id: int, *, at: datetime) -> tuple[int, int] | None:
    """The person's id and when the page began (milliseconds UTC); None for a token of another lecture, an old one, or
    one made with none of these secrets."""
    for secret in secrets:
        try:
            of_lecture, person_id, began_ms = URLSafeSerializer(secret, salt=_REPLAY_SALT).loads(token)
        except BadSignature:
            continue
        is_new = clock.from_ms(began_ms) > at - REPLAY_TOKEN_AGE
        return (person_id, began_ms) if of_lecture == lecture_id and is_new else None
    return None
