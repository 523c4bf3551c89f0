"""Uploads of recordings, in pieces or in one request."""

import os
import secrets
import shutil
from datetime import datetime
from typing import BinaryIO, Final

from lms.core.base.errors import Busy, Forbidden, Refused, WrongKind
from lms.core.base.roles import Actor
from lms.core.base.settings import settings
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.materials.actions import check_staff
from lms.materials.resumable_uploads import Purpose, complete_upload, forget_upload, is_upload_saved, note_saved
from lms.recordings.actions import add_recording, check_disk
from lms.recordings.queries import is_accepted

_ENDINGS: Final = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".m4a")


def check_file(file_name: str, size: int) -> None:
    """Raises WrongKind for the name of a file that is no recording, Refused where it would fill the disk."""
    if not file_name.lower().endswith(_ENDINGS):
        raise WrongKind(_("Choose an MP4 or WebM file."))
    check_disk(size)


PURPOSE = Purpose(
    folder="staged/recordings",
    megabytes=lambda: settings().max_recording_mb,
    check_who=check_staff,
    check_file=check_file,
    is_saved=lambda _lecture_id, session_id: is_accepted(session_id),
)


def finish(lecture_id: int, upload_id: str, *, by: Actor, at: datetime) -> None:
    """Takes an upload that is whole as the recording of a lecture; a second time, it changes nothing.

    What cannot be a recording is deleted. Raises as `add_recording`.
    """
    if is_upload_saved(PURPOSE, lecture_id, upload_id, by=by):
        return
    key, name = complete_upload(PURPOSE, lecture_id, upload_id, by=by)
    try:
        session_id = add_recording(lecture_id, key, name, by=by, at=at)
    except (Refused, Busy):
        raise
    except Exception:
        forget_upload(PURPOSE, upload_id, by)
        raise
    note_saved(PURPOSE, lecture_id, upload_id, session_id, by=by)


def upload_whole(lecture_id: int, content: BinaryIO, file_name: str, *, by: Actor, at: datetime) -> None:
    """Takes a file that came in one request as the recording of a lecture. Raises as `add_recording`."""
    check_staff(lecture_id, by)
    if by.person_id is None:
        raise Forbidden
    content.seek(0, os.SEEK_END)
    check_file(file_name, content.tell())
    content.seek(0)
    key = f"{PURPOSE.folder}/{by.person_id}/{secrets.token_hex(16)}.whole"
    with files.writing(key) as stored:
        shutil.copyfileobj(content, stored, 1024 * 1024)
    try:
        add_recording(lecture_id, key, file_name, by=by, at=at)
    finally:
        files.delete(key)
