"""The manifest of a backup: what is in it, the checksum of each file, and the headline figures of its moment."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from lms.core.base.errors import Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import english as _
from lms.reports.queries.figures import count
from lms.reports.rules import Slice

NAME = "manifest.json"
FORMAT = 1
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class FileEntry:
    """One file of a backup: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The contents of a backup. `taken_at` is the moment of the database, RFC 3339.

    `figures` are the headline figures and `rows` the rows of each table at that moment. `files` go by their paths in
    the backup. `has_secret_key`: the secret key was in the data folder; else it was a setting, which is not copied.
    `reporting_zone` is what the figures were counted in. `has_files`: the stored files are in the backup.
    """

    version: str
    revision: str
    database: str
    taken_at: str
    has_secret_key: bool
    reporting_zone: str
    figures: dict[str, Any]
    rows: dict[str, int]
    files: dict[str, FileEntry]
    has_files: bool = True


def write(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest with its own checksum: the last file of a backup."""
    content = {"format": FORMAT, **asdict(manifest)}
    path = folder / NAME
    path.touch(mode=0o600)
    path.write_text(json.dumps(content | {"checksum": _checksum(content)}, indent=1), encoding="utf-8")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read(folder: Path) -> Manifest:
    """The manifest of a backup. Raises Refused where there is none, or it is damaged, or of a newer version."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(
            _("%(folder)s is not a complete backup: it has no %(name)s.", folder=folder, name=NAME)
        ) from error
    except ValueError as error:
        raise Refused(_damaged(folder)) from error
    if not isinstance(content, dict) or content.pop("checksum", None) != _checksum(content):
        raise Refused(_damaged(folder))
    if content.pop("format") != FORMAT:
        raise Refused(
            _("%(folder)s was written by a newer version of Serai. Use that version to restore it.", folder=folder)
        )
    files = {path: FileEntry(**kept) for path, kept in content.pop("files").items()}
    manifest = Manifest(**content, files=files)
    if any(not _is_safe(path) for path in files):
        raise Refused(_damaged(folder))
    return manifest


def _damaged(folder: Path) -> str:
    return _("The manifest of %(folder)s is damaged. Use another backup.", folder=folder)


def _is_safe(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts


def digest(path: Path) -> FileEntry:
    """The size and checksum of a file."""
    hasher, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
            size += len(block)
    return FileEntry(size, hasher.hexdigest())


def copy(source: Path, target: Path) -> FileEntry:
    """Copies a file for this user's eyes alone, onto the disk; returns what was copied.

    A file of ours is replaced as a whole, never changed: what is opened is read to its end as it was.
    """
    with source.open("rb") as file:
        return copy_content(file, target)


def copy_content(file: BinaryIO, target: Path) -> FileEntry:
    """As `copy`, of an open file."""
    hasher, size = hashlib.sha256(), 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as copied:
        while block := file.read(_BLOCK):
            copied.write(block)
            hasher.update(block)
            size += len(block)
        copied.flush()
        os.fsync(copied.fileno())
    return FileEntry(size, hasher.hexdigest())


def files_in(folder: Path) -> Iterator[str]:
    """The paths of all files under a folder, relative and in order; nothing where there is no folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def headline(*, by: Actor, at: datetime) -> dict[str, Any]:
    """All figures of everything, by name."""
    return dict(count(Slice(), by=by, at=at).totals.as_json())
