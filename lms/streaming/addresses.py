"""Addresses of a lecture's picture and sound, signed for some hours."""

from datetime import datetime

from flask import current_app

from lms.core.base.errors import Forbidden
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.streaming.tokens import is_media_signature, sign_media


def media_key() -> str:
    """The key of signed addresses, which nginx has too."""
    return settings().media_key or f"media {current_app.config['SECRET_KEY']}"


def media_address(lecture_id: int, folder: str = "", *, at: datetime) -> str:
    """Where the snapshot of a lecture is, or the media in a folder of its stream (`media_folder`); with a slash at its
    end."""
    return sign_media(media_key(), _place(lecture_id, folder), at=at)


def check_media_address(mac: str, expires: int, lecture_id: int, folder: str = "", *, at: datetime) -> None:
    """Raises Forbidden for an address that was not signed here for this lecture and folder, or long ago."""
    if not is_media_signature(media_key(), mac, expires, _place(lecture_id, folder), at=at):
        raise Forbidden(_("This address has expired. Reload the page."))


def _place(lecture_id: int, folder: str) -> str:
    return f"{lecture_id}/{folder}" if folder else str(lecture_id)
