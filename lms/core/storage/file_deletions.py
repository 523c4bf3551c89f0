"""Stored files that a change makes superfluous: deleted after its commit, and noted in it until they are.

While the storage is away, or where a process ends in between, the worker deletes them later (`delete_waiting`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.base.events import StoredFilesAsked, publish
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import among
from lms.core.database.session import Base, UtcDateTime, after_commit, db, read, write_connection, write_turn
from lms.core.storage import files
from lms.core.time import clock

log = structlog.get_logger(__name__)
GRACE = timedelta(minutes=1)
"""For so long the process that noted a file is left to delete it."""
_AT_ONCE = 100


class FileDeletion(Base):
    """A stored file, or a folder of them (`is_folder`), that is to be deleted. Keys of folders are never used again."""

    __tablename__ = "file_deletion"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(300))
    is_folder: Mapped[bool]
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def delete_after_commit(key: str, *, is_folder: bool = False) -> None:
    """Within an action: has a file, or all files of a folder, deleted once the action has committed."""
    row = FileDeletion(key=key, is_folder=is_folder, asked_at=clock.now())
    db.session.add(row)
    db.session.flush()
    number = row.id

    def delete_now() -> None:
        try:
            _delete(key, is_folder=is_folder)
        except files.StorageAway as error:
            files.note_failure(error)
            log.warning("files are deleted later", error=type(error).__name__)
        else:
            _forget([number])

    after_commit(delete_now)


def delete_waiting(*, at: datetime) -> None:
    """Deletes what could not be deleted at once. A file that was stored again since, and is in use, stays."""
    waiting = select(FileDeletion.id, FileDeletion.key, FileDeletion.is_folder)
    rows = read(waiting.where(FileDeletion.asked_at <= at - GRACE).order_by(FileDeletion.id).limit(_AT_ONCE))
    db.session.rollback()
    stored_files = StoredFilesAsked(by=SYSTEM, at=at)
    if any(not is_folder for _id, _key, is_folder in rows):
        publish(stored_files)
        db.session.rollback()
    done: list[int] = []
    try:
        for number, key, is_folder in rows:
            if key not in stored_files.needed:
                _delete(key, is_folder=is_folder)
            done.append(number)
    finally:
        _forget(done)


def list_waiting() -> list[tuple[str, bool, datetime]]:
    """Returns what is to be deleted: key, whether it is a folder, and since when; the oldest first."""
    columns = select(FileDeletion.key, FileDeletion.is_folder, FileDeletion.asked_at)
    return [(key, is_folder, asked_at) for key, is_folder, asked_at in read(columns.order_by(FileDeletion.asked_at))]


def _delete(key: str, *, is_folder: bool) -> None:
    (files.delete_folder if is_folder else files.delete)(key)


def _forget(numbers: Sequence[int]) -> None:
    """In a transaction of its own, outside of the session: what the action returned stays as it was loaded."""
    if numbers:
        with write_turn(db.engine), write_connection() as connection, connection.begin():
            connection.execute(delete(FileDeletion).where(among(FileDeletion.id, numbers)))
