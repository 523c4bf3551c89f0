"""Uploads in pieces, so that an interrupted upload continues where it stopped.

The received part is stored apart from the files of lectures, in a folder of its uploader, under a name made from the
lecture and the name, size and time of the file: the same file chosen again is the same upload. It is in no list. Once
complete, it is checked and saved like a file received in one request. What it is for is its `Purpose`.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import BinaryIO, Final

from lms.core.background import leases
from lms.core.base.errors import Busy, Forbidden, Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.base.roles import Actor
from lms.core.base.settings import settings
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.materials.actions import check_staff
from lms.materials.queries import find_file
from lms.materials.rules import check_is_no_video

FOLDER: Final = "staged/uploads"
KEPT: Final = timedelta(days=1)
"""For so long an unfinished upload is offered after it was begun or continued."""
MAX_UNFINISHED: Final = 20
"""Uploads that one person can have begun and not finished."""
MAX_NAME: Final = 300
LEASE_SECONDS: Final = 30
"""For so long a person who begins several uploads at once waits for the others."""
PIECE_BYTES: Final = 2 * 1024 * 1024
"""What a browser sends at a time."""
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Purpose:
    """The purpose of uploads: where their parts are stored, and what is checked before they are.

    `check_who` and `check_file` (name and size) raise what is wrong. `is_saved`: whether what became of it is there.
    """

    folder: str
    megabytes: Callable[[], int]
    check_who: Callable[[int, Actor], object]
    check_file: Callable[[str, int], object]
    is_saved: Callable[[int, str], bool]


MATERIAL = Purpose(
    folder=FOLDER,
    megabytes=lambda: settings().max_material_mb,
    check_who=check_staff,
    check_file=lambda name, _size: check_is_no_video(name),
    is_saved=lambda lecture_id, saved: find_file(lecture_id, saved) is not None,
)


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


def begin_upload(
    lecture_id: int, file_name: str, size: int, modified: int, *, purpose: Purpose = MATERIAL, by: Actor
) -> Upload:
    """Begins to receive a file, or continues: the answer says how much of it there is already.

    `modified` is when the file was changed, as its uploader's computer counts. Raises Forbidden, NotFound, Invalid,
    TooLarge, Refused where too many uploads of this person are unfinished, and Busy where another one is just begun.
    """
    purpose.check_who(lecture_id, by)
    megabytes = purpose.megabytes()
    if size > megabytes * 1024 * 1024:
        raise TooLarge(_("The file is larger than %(n)s MB.", n=megabytes))
    if size < 1:
        raise Invalid("file", _("The file is empty."))
    if not file_name or len(file_name) > MAX_NAME:
        raise Invalid("file", _("Use at most %(n)s characters.", n=MAX_NAME))
    purpose.check_file(file_name, size)
    about = _About(lecture_id, file_name, size, modified)
    upload_id = hashlib.sha256(json.dumps(asdict(about)).encode()).hexdigest()[:32]
    unfinished = _find(purpose, upload_id, by)
    if unfinished is not None and unfinished.saved and purpose.is_saved(lecture_id, unfinished.saved):
        return Upload(upload_id, file_name, size, size, is_saved=True)
    try:
        with leases.holding(f"uploads/{_folder(purpose, by)}", wait_seconds=LEASE_SECONDS):
            if unfinished is None and len(_unfinished(purpose, by)) >= MAX_UNFINISHED:
                raise Refused(
                    _("You have %(n)s unfinished uploads. Finish or discard one of them first.", n=MAX_UNFINISHED),
                )
            _keep(purpose, upload_id, about, by)  # again too: so the note about it is as new as its pieces
    except leases.LeaseTaken:
        raise Busy(_("Another of your uploads is being begun. Try again in a minute.")) from None
    return Upload(upload_id, file_name, size, files.received(_key(purpose, upload_id, by)))


def append_piece(
    lecture_id: int, upload_id: str, offset: int, piece: bytes, *, purpose: Purpose = MATERIAL, by: Actor
) -> int:
    """Adds the bytes of an upload from `offset` on; returns how many there are then.

    Where there are not `offset` bytes at the moment (a piece came twice, or from two pages), nothing is added.
    Raises Forbidden, NotFound and TooLarge.
    """
    about = _get(purpose, lecture_id, upload_id, by)
    if offset + len(piece) > about.size:
        raise TooLarge(_("The file is larger than it was when its upload began. Choose it again."))
    return files.append(_key(purpose, upload_id, by), piece, offset=offset)


def complete_upload(purpose: Purpose, lecture_id: int, upload_id: str, *, by: Actor) -> tuple[str, str]:
    """Where an upload that is whole is stored, and the file's name. Raises Refused while bytes are missing."""
    about = _get(purpose, lecture_id, upload_id, by)
    key = _key(purpose, upload_id, by)
    if files.received(key) != about.size:
        raise Refused(_("The upload is not complete. Choose the file again to continue."))
    return key, about.file_name


def finish_upload(lecture_id: int, upload_id: str, save: Callable[[BinaryIO, str], str], *, by: Actor) -> None:
    """Saves an upload that is whole: `save` gets the content and the file's name, and returns the public id of its
    file. Finishing again changes nothing. Raises Refused while bytes are missing, and what `save` raises.
    """
    if is_upload_saved(MATERIAL, lecture_id, upload_id, by=by):
        return
    key, file_name = complete_upload(MATERIAL, lecture_id, upload_id, by=by)
    with files.local_copy(key) as path, path.open("rb") as content:
        try:
            file_id = save(content, file_name)
        except (WrongKind, Invalid):
            forget_upload(MATERIAL, upload_id, by)
            raise
    note_saved(MATERIAL, lecture_id, upload_id, file_id, by=by)


def is_upload_saved(purpose: Purpose, lecture_id: int, upload_id: str, *, by: Actor) -> bool:
    """Whether an upload was finished before, and what became of it is there."""
    about = _get(purpose, lecture_id, upload_id, by)
    return about.saved is not None and purpose.is_saved(lecture_id, about.saved)


def note_saved(purpose: Purpose, lecture_id: int, upload_id: str, saved: str, *, by: Actor) -> None:
    """Notes what became of an upload, so that finishing it again changes nothing."""
    about = _get(purpose, lecture_id, upload_id, by)
    _keep(purpose, upload_id, replace(about, saved=saved), by)
    files.delete_received(_key(purpose, upload_id, by))


def discard_upload(lecture_id: int, upload_id: str, *, purpose: Purpose = MATERIAL, by: Actor) -> None:
    """Forgets an unfinished upload; discarding it again changes nothing. Raises Forbidden and NotFound (no lecture)."""
    purpose.check_who(lecture_id, by)
    about = _find(purpose, upload_id, by)
    if about is not None and about.lecture_id == lecture_id:
        forget_upload(purpose, upload_id, by)


def list_unfinished(lecture_id: int, *, purpose: Purpose = MATERIAL, by: Actor) -> list[Upload]:
    """The reader's own unfinished uploads for a lecture, by name."""
    uploads = []
    for upload_id, about, seen_at in _unfinished(purpose, by):
        if about.lecture_id == lecture_id:
            received = files.received(_key(purpose, upload_id, by))
            uploads.append(Upload(upload_id, about.file_name, about.size, received, kept_until=seen_at + KEPT))
    return sorted(uploads, key=lambda upload: upload.file_name)


def drop_old_uploads(*, purpose: Purpose = MATERIAL, at: datetime) -> None:
    """Deletes what was received of uploads that were not continued within `KEPT`."""
    files.delete_older(purpose.folder, before=at - KEPT)


def forget_upload(purpose: Purpose, upload_id: str, by: Actor) -> None:
    """Deletes what was received of an upload."""
    files.delete_received(_key(purpose, upload_id, by))
    files.delete(_note_key(purpose, upload_id, by))


def _folder(purpose: Purpose, by: Actor) -> str:
    if by.person_id is None:
        raise Forbidden
    return f"{purpose.folder}/{by.person_id}"


def _key(purpose: Purpose, upload_id: str, by: Actor) -> str:
    folder = _folder(purpose, by)
    if not _ID.fullmatch(upload_id):
        raise NotFound
    return f"{folder}/{upload_id}"


def _note_key(purpose: Purpose, upload_id: str, by: Actor) -> str:
    return f"{_key(purpose, upload_id, by)}.json"


def _keep(purpose: Purpose, upload_id: str, about: _About, by: Actor) -> None:
    files.store(_note_key(purpose, upload_id, by), json.dumps(asdict(about)).encode())


def _find(purpose: Purpose, upload_id: str, by: Actor) -> _About | None:
    content = files.find(_note_key(purpose, upload_id, by))
    return None if content is None else _About(**json.loads(content))


def _get(purpose: Purpose, lecture_id: int, upload_id: str, by: Actor) -> _About:
    purpose.check_who(lecture_id, by)
    about = _find(purpose, upload_id, by)
    if about is None or about.lecture_id != lecture_id:
        raise NotFound
    return about


def _unfinished(purpose: Purpose, by: Actor) -> list[tuple[str, _About, datetime]]:
    """Returns what this person has begun and not finished, with the time of the last begin."""
    if by.person_id is None:
        return []
    unfinished = []
    for name, written_at in files.listed(_folder(purpose, by)):
        upload_id, _dot, ending = name.partition(".")
        about = _find(purpose, upload_id, by) if ending == "json" and _ID.fullmatch(upload_id) else None
        if about is not None and about.saved is None:
            unfinished.append((upload_id, about, written_at))
    return unfinished
