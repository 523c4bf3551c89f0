"""Stored files: written completely or not at all, under unique names, in the folder or the storage of `LMS_FILES`."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from flask import Flask, current_app

from lms.config import BadSetting, Config
from lms.core.base import engines
from lms.core.base.settings import settings
from lms.core.storage.file_store import ABANDONED, FileDamaged, FileStore, StorageAway, StoredFile
from lms.core.storage.folder_files import FolderFiles
from lms.core.storage.s3_files import S3Files
from lms.core.text.i18n import _l

__all__ = ["ABANDONED", "FileDamaged", "FileStore", "StorageAway", "StoredFile"]

TEMPORARY = ("bundles", "chunks", "downloads", "exports", "identity", "staged")
"""Folders of files that backups leave out: each file can be requested again or becomes part of a lasting one. Most are
needed for a day or so and hold personal data; `identity` says which storage this is."""
LASTING = (
    "answers",
    "attendance",
    "certificates",
    "designs",
    "materials",
    "nominations",
    "recordings",
    "records",
    "slides",
    "snapshots",
    "speakers",
)
"""Folders of files that rows refer to. The slice that writes to one answers `events.StoredFilesAsked` for it, or its
files are reported as unused."""
_KEY = "lms.files"
ENGINE = "storage"
"""The name of object storage among the engines."""
_LISTED = "lms.files.listed"
LISTED_EVERY = timedelta(minutes=10)
SLOW_SECONDS = 2
"""A failure that took so long means that the storage is away, and not that it refused one request."""


def make_store(address: str, config: Config) -> FileStore:
    """The store at an address such as `LMS_FILES` has: of object storage, or the folder for an empty one.

    Raises BadSetting without the library for object storage.
    """
    if not address:
        return FolderFiles(config.folder / "files")
    if find_spec("obstore") is None:
        raise BadSetting("LMS_FILES cannot be used: install requirements-extras.txt")
    return S3Files(address, config.folder / "temporary", config.files_access_key, config.files_secret_key)


def init_app(app: Flask, config: Config) -> None:
    """Registers object storage among the engines of an application, if a setting names it. Nothing is asked of it."""
    if not config.files:
        return
    store = app.extensions[_KEY] = make_store(config.files, config)
    assert isinstance(store, S3Files)
    engine = engines.Engine(
        ENGINE,
        store.probe,
        title=_l("Object storage"),
        without=_l("Files cannot be uploaded or downloaded, and lectures in the browser are interrupted."),
        remedy=_l("Check LMS_FILES, its credentials, the storage and the network."),
        is_essential=True,
    )
    engines.register(app, engine)


def note_failure(error: OSError) -> None:
    """Notes an error for which object storage took long: until it answers again, nobody waits for it."""
    engine = engines.find_engine(ENGINE)
    if engine is not None and isinstance(error, StorageAway) and error.seconds >= SLOW_SECONDS:
        engine.report_failure(error)


def current_store() -> FileStore:
    """The store of the running application. It can be sent to another process."""
    store: FileStore | None = current_app.extensions.get(_KEY)
    engine = engines.find_engine(ENGINE)
    if engine is not None and not engine.is_up():
        raise StorageAway(f"object storage is away: {engine.state().error}")
    if store is None:
        store = current_app.extensions[_KEY] = make_store(settings().files, settings())
    return store


def folder() -> Path:
    """The folder that all files are in. Raises RuntimeError if they are in object storage."""
    store = current_store()
    if not isinstance(store, FolderFiles):
        raise RuntimeError("the files are in no folder")
    return store.folder.resolve()


def _to_write(key: str) -> str:
    """A key in one of the declared folders. Raises ValueError for another one."""
    if key.partition("/")[0] not in (*TEMPORARY, *LASTING):
        raise ValueError(f"{key} is in no folder that core.files declares")
    return key


def store(key: str, content: bytes) -> None:
    """Stores `content` under `key` (a relative path of our own making), replacing what was there at once."""
    current_store().put(_to_write(key), content)


def store_path(key: str, path: Path) -> None:
    """As `store`, with the content of a local file."""
    current_store().put_path(_to_write(key), path)


def create(key: str, content: bytes) -> bool:
    """Stores `content` if nothing is stored under `key`; returns whether it did. Of several at once, one does."""
    return current_store().create(_to_write(key), content)


def writing(key: str) -> AbstractContextManager[BinaryIO]:
    """A file to write piece by piece, however large: stored under `key` if the block ends without an error."""
    return current_store().writing(_to_write(key))


def sweep(*, at: datetime) -> int:
    """Removes what processes that were killed left half written; returns how many files."""
    return current_store().sweep(at=at)


def delete_older(prefix: str, *, before: datetime) -> int:
    """Deletes what was stored under keys in the folder `prefix` before a moment; returns how much there was.

    Asked every few seconds, it looks into object storage every ten minutes: lists cost money there.
    """
    store = current_store()
    if isinstance(store, S3Files):
        listed: dict[str, datetime] = current_app.extensions.setdefault(_LISTED, {})
        if prefix in listed and before - listed[prefix] < LISTED_EVERY:
            return 0
        listed[prefix] = before
    return store.delete_older(prefix, before=before)


def reading(key: str) -> tuple[BinaryIO, int] | None:
    """Returns what is stored under `key`, open to be read piece by piece, and its length in bytes; or None."""
    return current_store().reading(key)


def append(key: str, content: bytes, *, offset: int) -> int:
    """Adds to what is received in pieces under `key`, if it has `offset` bytes now; returns how many it has then.

    Of two who add at once one does; a piece is added whole or not at all. `received`, `local_copy` and
    `delete_received` are for such keys.
    """
    return current_store().append(_to_write(key), content, offset=offset)


def received(key: str) -> int:
    """How many bytes are received in pieces under `key`."""
    return current_store().received(key)


def delete_received(key: str) -> None:
    """Deletes what is received in pieces under `key`."""
    current_store().delete_received(key)


def size_of(key: str) -> int:
    """How many bytes are stored under `key`; 0 where nothing is."""
    return current_store().size_of(key) or 0


def folder_size(prefix: str) -> int:
    """How many bytes are stored under keys in a folder."""
    return sum(file.size for file in current_store().listed(prefix))


def local_copy(key: str) -> AbstractContextManager[Path]:
    """A path at which other programs can read a file until the block ends. Raises FileNotFoundError."""
    return current_store().local_copy(key)


def listed(prefix: str) -> list[tuple[str, datetime]]:
    """The names of what is stored in the folder `prefix`, and when each was written."""
    return current_store().children(prefix)


def all_files(prefix: str = "") -> Iterator[StoredFile]:
    """All stored files, or those below a folder."""
    return current_store().listed(prefix)


def delete_folder(prefix: str) -> None:
    """Deletes all that is stored under keys in a folder."""
    current_store().delete_folder(_to_write(prefix))


def free_bytes() -> int:
    """How many bytes more can be stored."""
    return current_store().free_bytes()


def free_bytes_here() -> int:
    """How many bytes more can be stored by work whose files are on this machine until they are stored."""
    return min(free_bytes(), shutil.disk_usage(settings().folder).free)


def has(key: str) -> bool:
    """Whether something is stored under `key`."""
    return current_store().size_of(key) is not None


def find(key: str) -> bytes | None:
    """Returns what is stored under `key`, or None."""
    return current_store().find(key)


def delete(key: str) -> None:
    """Deletes what is stored under `key`, if it is there."""
    current_store().delete(key)
