"""Addresses of a lecture's picture and sound, signed for some hours."""

from __future__ import annotations

from datetime import datetime

from flask import current_app

from lms.core.errors import Forbidden
from lms.core.i18n import _
from lms.core.settings import settings
from lms.streaming.tokens import is_media_signature, sign_media


def media_key() -> str:
    """The key of signed addresses, which nginx has too."""
    return settings().media_key or f"media {current_app.config['SECRET_KEY']}"


def media_address(lecture_id: int, *, at: datetime) -> str:
    """Where the media of a lecture are, with a slash at its end."""
    return sign_media(media_key(), lecture_id, at=at)


def check_media_address(mac: str, expires: int, lecture_id: int, *, at: datetime) -> None:
    """Raises Forbidden for an address that was not signed here, or long ago."""
    if not is_media_signature(media_key(), mac, expires, lecture_id, at=at):
        raise Forbidden(_("This address has expired. Reload the page."))
