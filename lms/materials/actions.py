"""Uploads, orders, replaces and removes files of lectures, and has them scanned."""

import contextlib
import hashlib
import shutil
from collections.abc import Sequence
from datetime import datetime
from typing import Any, BinaryIO

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import may_edit_lecture
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.base.events import LectureFileChanged, publish
from lms.core.base.roles import Actor
from lms.core.base.settings import settings
from lms.core.database import audit
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage import files
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.storage.foreign_files import MATERIALS, read_foreign
from lms.core.text.i18n import _
from lms.core.text.sorting import moved
from lms.materials.file_kinds import unknown_kind
from lms.materials.models import Audience, FileDownloads, FileState, LectureFile
from lms.materials.queries import copyable, files_to_scan, find_file, is_shared
from lms.materials.rules import (
    MAX_FILES,
    broken,
    check_ending,
    check_is_no_video,
    checked_title,
    safe_name,
    title_of,
)
from lms.materials.scanner import ScannerAway, scan
from lms.people.models import new_public_id

log = structlog.get_logger(__name__)
_PIECE = 1024 * 1024
_READER = "lms.materials.file_kinds:recognise"


def upload_file(
    lecture_id: int, content: BinaryIO, file_name: str, audience: Audience, *, by: Actor, at: datetime
) -> str:
    """Adds a file at the end of a lecture's list. Returns its public id.

    `content` is open for reading. Where a virus scanner is set, nobody can open the file before it was scanned.
    Raises Forbidden, NotFound, WrongKind, TooLarge, Invalid (`file`), and Refused where the list is full or has this
    very content already.
    """
    check_staff(lecture_id, by)
    content_fields = _received(content, file_name)
    row = LectureFile(
        public_id=new_public_id(), audience=audience, title=title_of(file_name), uploaded_at=at, **content_fields
    )
    key = row.key
    keep_content(key, content)
    try:
        return _add(lecture_id, row, by=by, at=at)
    except BaseException:
        files.delete(key)
        raise


@action
def _add(lecture_id: int, row: LectureFile, *, by: Actor, at: datetime) -> str:
    _begin(lecture_id, by)
    _check_new(lecture_id, row.digest)
    last: Any = select(func.count(), func.max(LectureFile.position)).where(LectureFile.lecture_id == lecture_id)
    count, position = db.session.execute(last).one()
    if count >= MAX_FILES:
        raise Refused(_("A lecture can have %(n)s files. Remove one first, or pack several as ZIP.", n=MAX_FILES))
    row.lecture_id, row.position = lecture_id, (position or 0) + 1
    db.session.add(row)
    db.session.flush()
    audit.record("upload_file", by=by, at=at, detail=_detail(row), lecture=lecture_id)
    return row.public_id


def replace_file(
    lecture_id: int, public_id: str, content: BinaryIO, file_name: str, *, by: Actor, at: datetime
) -> None:
    """Puts other content in the place of a file; its name in the list, place and downloads stay.

    Raises as `upload_file`.
    """
    check_staff(lecture_id, by)
    if find_file(lecture_id, public_id) is None:
        raise NotFound
    content_fields = _received(content, file_name)
    key = LectureFile(public_id=public_id, digest=content_fields["digest"]).key
    was_there = files.has(key)
    keep_content(key, content)
    try:
        _replace(lecture_id, public_id, content_fields, by=by, at=at)
    except BaseException:
        if not was_there:
            files.delete(key)
        raise


@action
def _replace(lecture_id: int, public_id: str, content_fields: dict[str, Any], *, by: Actor, at: datetime) -> None:
    row = _begin_with(lecture_id, public_id, by)
    if row.digest == content_fields["digest"]:
        if row.content_of is not None:  # it has the content already, from the file that it is a copy of
            delete_after_commit(LectureFile(public_id=public_id, digest=row.digest).key)
        return
    _check_new(lecture_id, content_fields["digest"])
    _let_go(row)
    for name, value in content_fields.items():
        setattr(row, name, value)
    row.uploaded_at, row.finding, row.content_of = at, None, None
    publish(LectureFileChanged(file_id=row.id, is_removed=False, by=by, at=at))
    audit.record("replace_file", by=by, at=at, detail=_detail(row), lecture=lecture_id)


@action
def edit_file(lecture_id: int, public_id: str, title: str, audience: Audience, *, by: Actor, at: datetime) -> None:
    """Changes the name of a file in the list, and who can open it. Raises Forbidden, NotFound and Invalid."""
    row = _begin_with(lecture_id, public_id, by)
    title = checked_title(title)
    if (row.title, row.audience) != (title, audience):
        row.title, row.audience = title, audience
        audit.record("edit_file", by=by, at=at, detail=_detail(row), lecture=lecture_id)


@action
def move_file(lecture_id: int, public_id: str, place: int, *, by: Actor, at: datetime) -> None:
    """Moves a file to a place in the list, counted from 1. Raises Forbidden and NotFound."""
    row = _begin_with(lecture_id, public_id, by)
    query = select(LectureFile).where(LectureFile.lecture_id == lecture_id)
    rows = list(db.session.scalars(query.order_by(LectureFile.position, LectureFile.id)))
    ordered = moved(rows, row, place)
    if ordered == rows:
        return
    for position, file in enumerate(ordered, 1):
        file.position = position
    audit.record("order_files", by=by, at=at, lecture=lecture_id)


@action
def remove_file(lecture_id: int, public_id: str, *, by: Actor, at: datetime) -> None:
    """Removes a file for good; removing it again changes nothing. Raises Forbidden and NotFound (no such lecture)."""
    _begin(lecture_id, by)
    row = find_file(lecture_id, public_id)
    if row is None:
        return
    _let_go(row)
    publish(LectureFileChanged(file_id=row.id, is_removed=True, by=by, at=at))
    audit.record("remove_file", by=by, at=at, detail=_detail(row), lecture=lecture_id)
    db.session.delete(row)


def remove_files_of(lecture_id: int, *, by: Actor, at: datetime) -> None:
    """Within an action: removes all files of a lecture that is deleted."""
    for row in db.session.scalars(select(LectureFile).where(LectureFile.lecture_id == lecture_id)).all():
        _let_go(row)
        publish(LectureFileChanged(file_id=row.id, is_removed=True, by=by, at=at))
        db.session.delete(row)
    db.session.flush()


def _let_go(row: LectureFile) -> None:
    """Deletes the content of a file that is removed or replaced, unless a copy of it shares the content."""
    one_at_a_time("content of files")
    if not is_shared(row):
        delete_after_commit(row.key)


def copy_files(pairs: Sequence[tuple[int, int]], *, by: Actor, at: datetime) -> None:
    """Lists the files of lectures for their copies too, inside the running action. `pairs`: old id, new id.

    The content stays where it is, and goes with the last file that shares it. Downloads begin at none.
    """
    one_at_a_time("content of files")
    new = dict(pairs)
    rows = db.session.scalars(select(LectureFile).where(copyable(new)).order_by(LectureFile.id)).all()
    copied = ("position", "title", "audience", "file_name", "kind", "size", "digest", "state")
    copies = [
        {name: getattr(row, name) for name in copied}
        | {
            "public_id": new_public_id(),
            "lecture_id": new[row.lecture_id],
            "content_of": row.content_id,
            "uploaded_at": at,
        }
        for row in rows
    ]
    insert_many(LectureFile.__table__, copies)
    if copies:
        audit.record("copy_files", by=by, at=at, detail={"files": len(copies)}, lectures=sorted(new.values()))


@action
def _count(file_id: int) -> None:
    one_at_a_time("file downloads")
    counted: Any = db.session.execute(
        update(FileDownloads).where(FileDownloads.file_id == file_id).values(count=FileDownloads.count + 1)
    )
    if not counted.rowcount:
        db.session.add(FileDownloads(file_id=file_id, count=1))


def count_download(file_id: int) -> None:
    """Counts one download. Where nothing can be written at the moment, the file is delivered all the same."""
    with contextlib.suppress(OperationalError):
        _count(file_id)


def scan_waiting_files() -> int:
    """Has the virus scanner check the files that wait for it; returns how many it decided about.

    While the scanner is away they continue to wait. Without one, since the setting was removed, they are ready.
    """
    decided = 0
    address = settings().scanner
    waiting = files_to_scan()
    db.session.rollback()
    for file_id, key in waiting:
        opened = files.reading(key)
        if opened is None:  # removed or replaced in the meantime
            continue
        with opened[0] as content:
            try:
                finding = scan(content, address) if address else None
            except ScannerAway as error:
                log.warning("virus scanner is away", error=str(error), waiting=len(waiting) - decided)
                break
        _decide(file_id, key, finding)
        decided += 1
    return decided


@action
def _decide(file_id: int, key: str, finding: str | None) -> None:
    row = db.session.get(LectureFile, file_id)
    if row is not None and row.key == key and row.state is FileState.WAITING:
        row.state, row.finding = (FileState.REFUSED if finding else FileState.READY), finding
        if finding:
            log.warning("virus scanner refused a file", file=row.public_id)


def check_staff(lecture_id: int, by: Actor) -> None:
    """Raises NotFound and Forbidden unless the actor is of the lecture's staff."""
    if not may_edit_lecture(get_lecture(lecture_id, by=by), by):
        raise Forbidden


def _begin(lecture_id: int, by: Actor) -> None:
    one_at_a_time(f"files of lecture {lecture_id}")
    check_staff(lecture_id, by)


def _begin_with(lecture_id: int, public_id: str, by: Actor) -> LectureFile:
    _begin(lecture_id, by)
    row = find_file(lecture_id, public_id)
    if row is None:
        raise NotFound
    return row


def _check_new(lecture_id: int, digest: str) -> None:
    same = select(LectureFile.title).where(LectureFile.lecture_id == lecture_id, LectureFile.digest == digest)
    title = db.session.scalar(same)
    if title is not None:
        raise Refused(_("This file is in the list already, as “%(title)s”.", title=title))


def recognise_file(content: BinaryIO, file_name: str, *, megabytes: int) -> dict[str, Any]:
    """Returns what an uploaded file is, by its content: `digest`, `size`, `kind` and `file_name`. Nothing is kept yet.

    Raises WrongKind, TooLarge and Invalid (`file`).
    """
    check_is_no_video(file_name)
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    while piece := content.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    if not size:
        raise Invalid("file", _("The file is empty."))
    if size > megabytes * 1024 * 1024:
        raise TooLarge(_("The file is larger than %(n)s MB.", n=megabytes))
    try:
        kind = str(read_foreign(MATERIALS, _READER, content)[0])
    except WrongKind as error:
        if error.message == unknown_kind() and (refusal := broken(file_name)) is not None:
            raise refusal from error
        raise
    check_ending(file_name, kind)
    return {"digest": digest.hexdigest(), "size": size, "kind": kind, "file_name": safe_name(file_name, kind)}


def _received(content: BinaryIO, file_name: str) -> dict[str, Any]:
    """The columns that say what an uploaded file is."""
    config = settings()
    recognised = recognise_file(content, file_name, megabytes=config.max_material_mb)
    return {**recognised, "state": FileState.WAITING if config.scanner else FileState.READY}


def keep_content(key: str, content: BinaryIO) -> None:
    """Keeps an uploaded file, piece by piece."""
    content.seek(0)
    with files.writing(key) as stored:
        shutil.copyfileobj(content, stored, _PIECE)


def _detail(row: LectureFile) -> dict[str, Any]:
    return {"file": row.public_id, "kind": row.kind, "audience": row.audience.value}
