"""Stored files in a folder of this machine or of a network file system."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from lms.core.base.errors import NotFound
from lms.core.storage.file_store import ABANDONED, StorageAway, StoredFile

_PART = ".part-"  # how a file is named while it is written


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageAway(error.errno, error.strerror) from error


@contextlib.contextmanager
def _part_of(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file beside a path, and where it is; deleted at the end unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_PART)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, Path(temporary)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


@dataclass(frozen=True)
class FolderFiles:
    """Files in a folder; the key is the path in it."""

    folder: Path

    def path(self, key: str) -> Path:
        """Where a file is. Raises NotFound for a path outside the folder."""
        path = (self.folder / key).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise NotFound
        return path

    def put(self, key: str, content: bytes) -> None:
        """Stores `content`, replacing what was there at once."""
        with self.writing(key) as file:
            file.write(content)

    def put_path(self, key: str, path: Path) -> None:
        """Stores a local file under another name of the same file where the file system can, else as a copy."""
        target = self.path(key)
        with _storage():
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=_PART) as folder:
                linked = Path(folder) / target.name
                try:
                    linked.hardlink_to(path)
                except FileNotFoundError:
                    raise
                except OSError:  # another disk, or a file system without links
                    with path.open("rb") as file, linked.open("wb") as copied:
                        shutil.copyfileobj(file, copied, 1024 * 1024)
                        copied.flush()
                        os.fsync(copied.fileno())
                linked.replace(target)

    def create(self, key: str, content: bytes) -> bool:
        """Stores `content` if nothing is there; returns whether it did."""
        path = self.path(key)
        with _storage(), _part_of(path) as (file, temporary):
            file.write(content)
            _flush(file)
            try:
                path.hardlink_to(temporary)
            except FileExistsError:
                return False
            except OSError:  # a file system without links
                if path.exists():
                    return False
                temporary.replace(path)
        return True

    @contextlib.contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        """A file to write piece by piece; stored if the block ends without an error."""
        path = self.path(key)
        with _storage(), _part_of(path) as (file, temporary):
            yield file
            _flush(file)
            temporary.replace(path)

    def reading(self, key: str) -> tuple[BinaryIO, int] | None:
        """The content, open, and its length; None if nothing is there."""
        try:
            with _storage():
                file = self.path(key).open("rb")
        except FileNotFoundError:
            return None
        return file, os.fstat(file.fileno()).st_size

    def find(self, key: str) -> bytes | None:
        """The content, or None."""
        try:
            with _storage():
                return self.path(key).read_bytes()
        except FileNotFoundError:
            return None

    def size_of(self, key: str) -> int | None:
        """The length in bytes, or None."""
        try:
            with _storage():
                path = self.path(key)
                return path.stat().st_size if path.is_file() else None
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Deletes a file, if it is there."""
        with _storage():
            self.path(key).unlink(missing_ok=True)

    def delete_folder(self, prefix: str) -> None:
        """Deletes all files below a folder, and the folder."""
        path, is_there = self.path(prefix), True
        with _storage():
            while is_there:
                with contextlib.suppress(FileNotFoundError):  # somebody else deletes it too
                    shutil.rmtree(path)
                is_there = path.exists()

    def delete_older(self, prefix: str, *, before: datetime) -> int:
        """Deletes the files below a folder that were written before a moment; returns how many."""
        deleted = 0
        with _storage():
            for path in self.path(prefix).rglob("*"):
                with contextlib.suppress(FileNotFoundError):  # somebody else deleted it
                    if path.is_file() and path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        deleted += 1
        return deleted

    def listed(self, prefix: str) -> Iterator[StoredFile]:
        """The files below a folder, at any depth, without those that are being written."""
        with _storage():
            for path in sorted(self.path(prefix).rglob("*")):
                name = path.relative_to(self.folder.resolve()).as_posix()
                if _PART in name:
                    continue
                with contextlib.suppress(FileNotFoundError):  # somebody deleted it
                    if path.is_file():
                        status = path.stat()
                        yield StoredFile(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def children(self, prefix: str) -> list[tuple[str, datetime]]:
        """The names of the files directly in a folder, and when each was written."""
        entries = []
        with _storage():
            for path in self.path(prefix).glob("*"):
                with contextlib.suppress(FileNotFoundError):  # somebody deleted it
                    entries.append((path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
        return entries

    def append(self, key: str, content: bytes, *, offset: int) -> int:
        """Adds a piece to an upload that has `offset` bytes; returns how many it has then."""
        path = self.path(key)
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

    def received(self, key: str) -> int:
        """How many bytes of an upload in pieces there are."""
        return self.size_of(key) or 0

    def delete_received(self, key: str) -> None:
        """Deletes the pieces of an upload."""
        self.delete(key)

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """The path of the file. Raises FileNotFoundError."""
        with _storage():
            path = self.path(key)
            path.stat()
        yield path

    def free_bytes(self) -> int:
        """How many bytes more can be stored."""
        with _storage():
            return shutil.disk_usage(self.folder if self.folder.exists() else self.folder.parent).free

    def sweep(self, *, at: datetime) -> int:
        """Deletes what killed writers left half written; returns how many files."""
        swept = 0
        with _storage():
            for path in self.folder.rglob(f"{_PART}*"):
                with contextlib.suppress(FileNotFoundError):  # its writer has finished since
                    if path.stat().st_mtime < (at - ABANDONED).timestamp():
                        if path.is_dir():
                            shutil.rmtree(path, ignore_errors=True)
                        else:
                            path.unlink()
                        swept += 1
        return swept
