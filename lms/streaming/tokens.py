"""Tokens of stream sessions, and signed addresses of media."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from lms.core.base.errors import Gone
from lms.core.text.i18n import _

_SALT = "serai stream session"
TOKEN_AGE = timedelta(hours=24)
MEDIA = "/media/"
MEDIA_AGE = timedelta(hours=12)
"""How long an address of media is valid. A page that stays open longer gets a new one with the next snapshot."""


def make_stream_token(secrets: Sequence[str], session_id: str, *, key: str, at: datetime) -> str:
    """The token with which a page sends the chunks of its session.

    It ends with a signature by the key of media, which nginx checks before it counts requests: those of a session count
    by themselves, so that strangers cannot take their place.
    """
    expires = int((at + TOKEN_AGE).timestamp())
    return f"{_serializer(secrets).dumps(session_id)}.{_mac(key, f'{expires} chunks {session_id}')}.{expires}"


def is_stream_token(secrets: Sequence[str], token: str, session_id: str) -> bool:
    """Whether a token was made for this session. Raises Gone for one that is older than a day.

    The signature for nginx does not matter here.
    """
    signed = ".".join(token.split(".")[:3])  # of itsdangerous: payload, time and signature
    try:
        return bool(_serializer(secrets).loads(signed, max_age=int(TOKEN_AGE.total_seconds())) == session_id)
    except SignatureExpired as error:
        raise Gone(_("This page has been open for too long. Reload it to continue.")) from error
    except BadSignature:
        return False


def _serializer(secrets: Sequence[str]) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(secrets)), salt=_SALT)  # the last one signs


def sign_media(key: str, place: str, *, at: datetime) -> str:
    """The first part of the addresses of media, with a slash at its end. `place`: a lecture's id, or that and the
    folder of its stream."""
    # Whole hours, so that all viewers have the same address and browsers find what they have
    expires = int((at + MEDIA_AGE).timestamp()) // 3600 * 3600
    return f"{MEDIA}{media_mac(key, place, expires)}/{expires}/{place}/"


def is_media_signature(key: str, mac: str, expires: int, place: str, *, at: datetime) -> bool:
    """Whether an address of media was signed with this key and is still valid."""
    return hmac.compare_digest(mac.encode(), media_mac(key, place, expires).encode()) and at.timestamp() < expires


def media_mac(key: str, place: str, expires: int) -> str:
    """The signature of an address of media."""
    return _mac(key, f"{expires} {place}")


def _mac(key: str, signed: str) -> str:
    """A signature as `secure_link` of nginx checks it, which knows MD5 alone."""
    digest = hashlib.md5(f"{signed} {key}".encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
