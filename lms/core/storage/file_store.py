"""The interface of a store of files: the folder (`folder_files`) or object storage (`s3_files`)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

ABANDONED = timedelta(days=1)
"""A file that is being written is written to again within this time; else its writer was killed."""


class StorageAway(OSError):
    """The storage cannot be read or written at this moment. `seconds`: how long it took to find out."""

    seconds: float = 0


class FileDamaged(StorageAway):
    """A stored file is damaged or missing: asking for it again does not help."""


@dataclass(frozen=True)
class StoredFile:
    """A stored file: its key, its length in bytes and when it was written."""

    key: str
    size: int
    written_at: datetime


class FileStore(Protocol):
    """Files under keys, each written completely or not at all. Methods raise StorageAway."""

    def put(self, key: str, content: bytes) -> None:
        """Stores `content`, replacing what was there at once."""

    def put_path(self, key: str, path: Path) -> None:
        """Stores a copy of a local file, replacing what was there at once."""

    def create(self, key: str, content: bytes) -> bool:
        """Stores `content` if nothing is there; returns whether it did. Of several who try at once, one does."""

    def writing(self, key: str) -> AbstractContextManager[BinaryIO]:
        """A file to write piece by piece; stored if the block ends without an error."""

    def reading(self, key: str) -> tuple[BinaryIO, int] | None:
        """The content, open to be read piece by piece and from any place, and its length; None if nothing is there."""

    def find(self, key: str) -> bytes | None:
        """The content, or None."""

    def size_of(self, key: str) -> int | None:
        """The length in bytes, or None."""

    def delete(self, key: str) -> None:
        """Deletes a file, if it is there."""

    def delete_folder(self, prefix: str) -> None:
        """Deletes all files below a folder."""

    def delete_older(self, prefix: str, *, before: datetime) -> int:
        """Deletes the files below a folder that were written before a moment; returns how many."""

    def listed(self, prefix: str) -> Iterator[StoredFile]:
        """The files below a folder, at any depth; all for an empty prefix."""

    def children(self, prefix: str) -> list[tuple[str, datetime]]:
        """The names of the files directly in a folder, and when each was written."""

    def append(self, key: str, content: bytes, *, offset: int) -> int:
        """Adds a piece to an upload that has `offset` bytes; returns how many it has then.

        Of two who add at once, one does. A piece is added whole or not at all.
        """

    def received(self, key: str) -> int:
        """How many bytes of an upload in pieces there are."""

    def delete_received(self, key: str) -> None:
        """Deletes the pieces of an upload."""

    def local_copy(self, key: str) -> AbstractContextManager[Path]:
        """A path at which other programs can read a file or an upload in pieces until the block ends.

        Raises FileNotFoundError.
        """

    def free_bytes(self) -> int:
        """How many bytes more can be stored."""

    def sweep(self, *, at: datetime) -> int:
        """Deletes what killed processes left half written on this machine; returns how many files."""
