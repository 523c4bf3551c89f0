"""Uploads in pieces, so that an interrupted upload continues where it stopped.

The received part is stored apart from the files of lectures, in a folder of its uploader, under a name made from the
lecture and the name, size and time of the file: the same file chosen again is the same upload. It is in no list. Once
complete, it is checked and saved like a file received in one request.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Final

from lms.core import files
from lms.core.errors import Forbidden, Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.core.settings import settings
from lms.materials.actions import check_staff
from lms.materials.queries import find_file
from lms.materials.rules import check_is_no_video

FOLDER: Final = "staged/uploads"
KEPT: Final = timedelta(days=1)
"""For so long an unfinished upload is offered after it was begun or continued."""
MAX_UNFINISHED: Final = 20
"""Uploads that one person can have begun and not finished."""
MAX_NAME: Final = 300
PIECE_BYTES: Final = 2 * 1024 * 1024
"""What a browser sends at a time."""
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class _About:
    lecture_id: int
    file_name: str
    size: int
    modified: int
    saved: str | None = None  # the public id of the file that it became


@dataclass(frozen=True)
class Upload:
    """An upload in pieces: `received` of `size` bytes. `is_saved`: it was finished, and its file is in the list."""

    id: str
    file_name: str
    size: int
    received: int
    is_saved: bool = False
    kept_until: datetime | None = None


def begin_upload(lecture_id: int, file_name: str, size: int, modified: int, *, by: Actor) -> Upload:
    """Begins to receive a file, or continues: the answer says how much of it there is already.

    `modified` is when the file was changed, as its uploader's computer counts. Raises Forbidden, NotFound, Invalid,
    TooLarge, and Refused where too many uploads of this person are unfinished.
    """
    check_staff(lecture_id, by)
    check_is_no_video(file_name)
    megabytes = settings().max_material_mb
    if size > megabytes * 1024 * 1024:
        raise TooLarge(_("The file is larger than %(n)s MB.", n=megabytes))
    if size < 1:
        raise Invalid("file", _("This file is empty. Choose another one."))
    if not file_name or len(file_name) > MAX_NAME:
        raise Invalid("file", _("Use at most %(n)s characters.", n=MAX_NAME))
    about = _About(lecture_id, file_name, size, modified)
    upload_id = hashlib.sha256(json.dumps(asdict(about)).encode()).hexdigest()[:32]
    unfinished = _find(upload_id, by)
    if unfinished is not None and unfinished.saved and find_file(lecture_id, unfinished.saved) is not None:
        return Upload(upload_id, file_name, size, size, is_saved=True)
    with files.one_at_a_time(_folder(by)):
        if unfinished is None and len(_unfinished(by)) >= MAX_UNFINISHED:
            raise Refused(
                _("You have %(n)s unfinished uploads. Finish or discard one of them first.", n=MAX_UNFINISHED),
            )
        _keep(upload_id, about, by)  # again too: so the note about it is as new as its pieces
    return Upload(upload_id, file_name, size, files.size_of(_key(upload_id, by)))


def append_piece(lecture_id: int, upload_id: str, offset: int, piece: bytes, *, by: Actor) -> int:
    """Adds the bytes of an upload from `offset` on; returns how many there are then.

    Where there are not `offset` bytes at the moment (a piece came twice, or from two pages), nothing is added.
    Raises Forbidden, NotFound and TooLarge.
    """
    about = _get(lecture_id, upload_id, by)
    if offset + len(piece) > about.size:
        raise TooLarge(_("The file is larger than it was when its upload began. Choose it again."))
    return files.append(_key(upload_id, by), piece, offset=offset)


def finish_upload(lecture_id: int, upload_id: str, save: Callable[[BinaryIO, str], str], *, by: Actor) -> None:
    """Saves an upload that is whole: `save` gets the content and the file's name, and returns the public id of its
    file. Finishing again changes nothing. Raises Refused while bytes are missing, and what `save` raises.
    """
    about = _get(lecture_id, upload_id, by)
    if about.saved and find_file(lecture_id, about.saved) is not None:
        return
    opened = files.reading(_key(upload_id, by))
    if opened is None:
        raise Refused(_("The upload is not complete. Choose the file again to continue."))
    with opened[0] as content:
        if opened[1] != about.size:
            raise Refused(_("The upload is not complete. Choose the file again to continue."))
        try:
            file_id = save(content, about.file_name)
        except (WrongKind, Invalid):
            _forget(upload_id, by)
            raise
    _keep(upload_id, _About(about.lecture_id, about.file_name, about.size, about.modified, file_id), by)
    files.delete(_key(upload_id, by))


def discard_upload(lecture_id: int, upload_id: str, *, by: Actor) -> None:
    """Forgets an unfinished upload; discarding it again changes nothing. Raises Forbidden and NotFound (no lecture)."""
    check_staff(lecture_id, by)
    about = _find(upload_id, by)
    if about is not None and about.lecture_id == lecture_id:
        _forget(upload_id, by)


def list_unfinished(lecture_id: int, *, by: Actor) -> list[Upload]:
    """The reader's own unfinished uploads for a lecture, by name."""
    uploads = []
    for upload_id, about, seen_at in _unfinished(by):
        if about.lecture_id == lecture_id:
            received = files.size_of(_key(upload_id, by))
            uploads.append(Upload(upload_id, about.file_name, about.size, received, kept_until=seen_at + KEPT))
    return sorted(uploads, key=lambda upload: upload.file_name)


def drop_old_uploads(*, at: datetime) -> None:
    """Deletes what was received of uploads that were not continued within `KEPT`."""
    files.delete_older(FOLDER, before=at - KEPT)


def _folder(by: Actor) -> str:
    if by.person_id is None:
        raise Forbidden
    return f"{FOLDER}/{by.person_id}"


def _key(upload_id: str, by: Actor) -> str:
    folder = _folder(by)
    if not _ID.fullmatch(upload_id):
        raise NotFound
    return f"{folder}/{upload_id}"


def _note_key(upload_id: str, by: Actor) -> str:
    return f"{_key(upload_id, by)}.json"


def _keep(upload_id: str, about: _About, by: Actor) -> None:
    files.store(_note_key(upload_id, by), json.dumps(asdict(about)).encode())


def _forget(upload_id: str, by: Actor) -> None:
    files.delete(_key(upload_id, by))
    files.delete(_note_key(upload_id, by))


def _find(upload_id: str, by: Actor) -> _About | None:
    content = files.find(_note_key(upload_id, by))
    return None if content is None else _About(**json.loads(content))


def _get(lecture_id: int, upload_id: str, by: Actor) -> _About:
    check_staff(lecture_id, by)
    about = _find(upload_id, by)
    if about is None or about.lecture_id != lecture_id:
        raise NotFound
    return about


def _unfinished(by: Actor) -> list[tuple[str, _About, datetime]]:
    """What this person has begun and not finished, with the time of the last begin."""
    if by.person_id is None:
        return []
    unfinished = []
    for name, written_at in files.listed(_folder(by)):
        upload_id, _dot, ending = name.partition(".")
        about = _find(upload_id, by) if ending == "json" and _ID.fullmatch(upload_id) else None
        if about is not None and about.saved is None:
            unfinished.append((upload_id, about, written_at))
    return unfinished
