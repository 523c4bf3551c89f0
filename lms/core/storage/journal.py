"""The journal of erasures and revocations, kept apart from the database: a restore does them again.

One JSON object a line, only ever appended to: `id`, `at`, `what`, and public ids or numbers, never personal data. An
entry is on the disk before its transaction commits, so that nothing that took effect is missing. Where the commit
fails after that, a line `{"void": id}` follows. In object storage, each is an object: several machines write.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from lms.config import Config
from lms.core.base.settings import settings
from lms.core.database.session import before_commit
from lms.core.storage.file_store import StorageAway
from lms.core.storage.s3_files import S3Files


@dataclass(frozen=True)
class Entry:
    """Something to do again after a restore. `ids` are public ids and numbers, by name."""

    id: str
    at: datetime
    what: str
    ids: dict[str, Any]

    def line(self) -> str:
        """The entry as it is written."""
        return json.dumps({"id": self.id, "at": self.at.astimezone(UTC).isoformat(), "what": self.what, **self.ids})


@dataclass(frozen=True)
class Journal:
    """The content of a journal: the entries that hold, in order, and how many of its lines cannot be read."""

    entries: tuple[Entry, ...] = ()
    unreadable: int = 0


def record(what: str, *, at: datetime, **ids: Any) -> None:
    """Writes an entry when the running action commits. The action fails where the journal cannot be written."""
    place = place_of(settings())
    entry = Entry(secrets.token_hex(8), at, what, ids)
    before_commit(partial(place.append, [entry.line()]), undo=partial(place.append, [json.dumps({"void": entry.id})]))


class JournalPlace(Protocol):
    """Where a journal is."""

    def append(self, lines: Iterable[str]) -> None:
        """Adds lines, which are safe when this returns."""

    def lines(self) -> Iterator[str]:
        """All lines; none where nothing was written yet."""


@dataclass(frozen=True)
class JournalFile:
    """A journal in a file."""

    path: Path

    def append(self, lines: Iterable[str]) -> None:
        """Adds lines, on the disk when this returns."""
        append(self.path, lines)

    def lines(self) -> Iterator[str]:
        """All lines."""
        if self.path.exists():
            yield from self.path.read_text(encoding="utf-8", errors="replace").splitlines()


@dataclass(frozen=True)
class StoredJournal:
    """A journal in object storage."""

    store: S3Files

    def append(self, lines: Iterable[str]) -> None:
        """Stores lines as one object."""
        key = f"{datetime.now(UTC):%Y/%m/%dT%H%M%S.%f}-{secrets.token_hex(4)}.jsonl"
        self.store.put(key, "".join(f"{line}\n" for line in lines).encode())

    def lines(self) -> Iterator[str]:
        """All lines, in the order of their objects."""
        for key in sorted(file.key for file in self.store.listed("")):
            content = self.store.find(key)
            if content is None:
                raise StorageAway(f"{key} was listed and is missing")
            yield from content.decode(errors="replace").splitlines()


def place_of(config: Config) -> JournalPlace:
    """Where the journal of these settings is."""
    if not config.is_journal_stored:
        return JournalFile(config.journal_file)
    keys = config.files_access_key, config.files_secret_key
    return StoredJournal(S3Files(config.journal, config.folder / "temporary", *keys))


def append(path: Path, lines: Iterable[str]) -> None:
    """Appends lines, on the disk when this returns; after a line that was cut off begins a new one."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # let go when the file is closed
        size = os.fstat(handle).st_size
        torn = size and os.pread(handle, 1, size - 1) != b"\n"
        content = ("\n" if torn else "") + "".join(f"{line}\n" for line in lines)
        _write_all(handle, content.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    if not size:
        sync_folder(path.parent)


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def sync_folder(folder: Path) -> None:
    """Puts on the disk which files a folder holds."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(*places: Path | JournalPlace) -> Journal:
    """The journal in these places together, in order of time, each entry once; a missing file is empty."""
    entries: dict[str, Entry] = {}
    void: set[str] = set()
    unreadable = 0
    for place in places:
        for line in (JournalFile(place) if isinstance(place, Path) else place).lines():
            try:
                read_line = json.loads(line)
                if "void" in read_line:
                    void.add(str(read_line["void"]))
                    continue
                entry = _entry(read_line)
            except (ValueError, KeyError, TypeError):
                unreadable += bool(line.strip())
                continue
            entries.setdefault(entry.id, entry)
    holding = [entry for entry in entries.values() if entry.id not in void]
    return Journal(tuple(sorted(holding, key=lambda entry: entry.at)), unreadable)


def _entry(line: dict[str, Any]) -> Entry:
    ids = {name: value for name, value in line.items() if name not in {"id", "at", "what"}}
    at = datetime.fromisoformat(line["at"])
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return Entry(str(line["id"]), at, str(line["what"]), ids)
