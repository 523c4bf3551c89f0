"""Stored files: written completely or not at all, under unique names."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from lms.core.errors import NotFound
from lms.core.settings import settings

_PART = ".part-"  # how a file is named while it is written
ABANDONED = timedelta(days=1)
"""A file that is being written is written to again within this time; else its writer was killed."""
TEMPORARY = ("bundles", "chunks", "downloads", "exports", "identity", "staged")
"""Folders of files that backups leave out: each file can be requested again or becomes part of a lasting one. Most are
needed for a day or so and hold personal data; `identity` says which storage this is."""
LASTING = ("attendance", "certificates", "designs", "materials", "nominations", "recordings", "snapshots", "speakers")
"""Folders of files that rows refer to. The slice that writes to one answers `events.StoredFilesAsked` for it, or its
files are reported as unused."""


class StorageAway(OSError):
    """The storage cannot be read or written at this moment."""


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageAway(error.errno, error.strerror) from error


def _path(key: str) -> Path:
    folder = settings().folder / "files"
    path = (folder / key).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise NotFound
    return path


def _path_to_write(key: str) -> Path:
    """The path of a key in one of the declared folders. Raises ValueError for another folder."""
    if key.partition("/")[0] not in (*TEMPORARY, *LASTING):
        raise ValueError(f"{key} is in no folder that core.files declares")
    return _path(key)


def store(key: str, content: bytes) -> None:
    """Keeps `content` under `key` (a relative path of our own making), replacing what was there at once."""
    with writing(key) as file:
        file.write(content)


@contextlib.contextmanager
def writing(key: str) -> Iterator[BinaryIO]:
    """A file to write piece by piece, however large: kept under `key` once all went well, else not at all."""
    with _writing(_path_to_write(key)) as file:
        yield file


def folder() -> Path:
    """The folder that all keys are under, for a process that has no app (`store_in`)."""
    return _path("")


def store_in(folder: Path, key: str, content: bytes) -> None:
    """As `store`, without an app."""
    with _writing(folder / key) as file:
        file.write(content)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    with _storage():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_PART)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def sweep(*, at: datetime) -> int:
    """Removes what writers that were killed left half written; returns how many there were."""
    swept = 0
    with _storage():
        for path in folder().rglob(f"{_PART}*"):
            with contextlib.suppress(FileNotFoundError):  # its writer has finished since
                if path.stat().st_mtime < (at - ABANDONED).timestamp():
                    path.unlink()
                    swept += 1
    return swept


def delete_older(prefix: str, *, before: datetime) -> int:
    """Deletes what was stored under keys in the folder `prefix` before a moment; returns how much there was."""
    deleted = 0
    with _storage():
        for path in _path(prefix).rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # somebody else deleted it
                if path.is_file() and path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    deleted += 1
    return deleted


def reading(key: str) -> tuple[BinaryIO, int] | None:
    """What is kept under `key`, open to be read piece by piece, and its length in bytes; or None."""
    try:
        with _storage():
            file = _path(key).open("rb")
    except FileNotFoundError:
        return None
    return file, os.fstat(file.fileno()).st_size


def append(key: str, content: bytes, *, offset: int) -> int:
    """Adds to what is received in pieces under `key`, if it has `offset` bytes now; returns how many it has then.

    Of two who add at once one does; a piece is added whole or not at all.
    """
    path = _path_to_write(key)
    with _storage():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file.fileno()).st_size
            if size != offset:
                return size
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), offset)
                raise
    return offset + len(content)


@contextlib.contextmanager
def one_at_a_time(folder: str) -> Iterator[None]:
    """Holds the lock of a folder, for what reads its files and then adds to them, in whatever process."""
    path = _path_to_write(folder)
    with _storage():
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # lets the lock go


def size_of(key: str) -> int:
    """How many bytes are kept under `key`; 0 where nothing is."""
    try:
        with _storage():
            return _path(key).stat().st_size
    except FileNotFoundError:
        return 0


def folder_size(prefix: str) -> int:
    """How many bytes are kept under keys in a folder."""
    with _storage():
        return sum(path.stat().st_size for path in _path(prefix).rglob("*") if path.is_file())


def move(key: str, new_key: str) -> None:
    """Keeps what is kept under a key under another one. Raises FileNotFoundError if nothing is."""
    path = _path_to_write(new_key)
    with _storage():
        path.parent.mkdir(parents=True, exist_ok=True)
        _path(key).replace(path)


def local_path(key: str) -> Path:
    """Where another program can read what is kept under a key."""
    return _path(key)


def listed(prefix: str) -> list[tuple[str, datetime]]:
    """The names of what is kept in the folder `prefix`, and when each was written."""
    entries = []
    with _storage():
        for path in _path(prefix).glob("*"):
            with contextlib.suppress(FileNotFoundError):  # somebody deleted it
                entries.append((path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
    return entries


def delete_folder(prefix: str) -> None:
    """Deletes all that is stored under keys in a folder."""
    with _storage():
        shutil.rmtree(_path_to_write(prefix), ignore_errors=True)


def free_bytes() -> int:
    """How many bytes more can be stored."""
    with _storage():
        return shutil.disk_usage(settings().folder).free


def has(key: str) -> bool:
    """Whether something is kept under `key`."""
    with _storage():
        return _path(key).is_file()


def find(key: str) -> bytes | None:
    """What is kept under `key`, or None."""
    try:
        with _storage():
            return _path(key).read_bytes()
    except FileNotFoundError:
        return None


def delete(key: str) -> None:
    """Forgets `key`, if it is there."""
    with _storage():
        _path(key).unlink(missing_ok=True)
