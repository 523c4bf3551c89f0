"""Taking a backup while people write: the database as of one moment, then the files.

It is written under a temporary name and renamed once it is complete and on the disk; only then does it have a manifest.
Unfinished backups are removed by the next run.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database import schema
from lms.core.storage import files
from lms.core.storage.file_store import StoredFile
from lms.core.storage.folder_files import FolderFiles
from lms.core.storage.journal import place_of, sync_folder
from lms.core.storage.last_backup import note_backup
from lms.core.text.i18n import english as _
from lms.operations import manifest
from lms.operations.databases import FILE_NAMES, Tell, copy_to, count_rows, kind_of, one_moment
from lms.operations.manifest import FileEntry, Manifest, headline
from lms.version import build_version

JOURNAL = "journal.jsonl"
LEFT_OUT = tuple(f"{name}/" for name in files.TEMPORARY)
CLOCKS_DIFFER = timedelta(minutes=5)
"""The clock of object storage and that of this machine differ by less."""
_STEP = 500  # files between two reports of progress


@dataclass
class Taken:
    """The result of a backup."""

    manifest: Manifest
    linked: int = 0
    """Files that are one with those of the earlier backup."""
    damaged: list[str] = field(default_factory=list)
    """Files of the earlier backup that are not as its manifest says; they were copied afresh."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(kept.size for kept in self.manifest.files.values())


def take_backup(
    folder: Path, config: Config, *, since: Path | None = None, with_files: bool = True, tell: Tell, at: datetime
) -> Taken:
    """Backs everything up into a new folder; without the stored files where these are kept safe in another way.

    With `since`, files that are the same as in that earlier backup are linked to it and take no space. Raises Refused
    for an existing folder, a database of another version, and an earlier backup that cannot be read.
    """
    folder = folder.resolve()
    if folder.exists() or folder.is_symlink():
        raise Refused(_("%(folder)s already exists. Choose a folder that does not exist yet.", folder=folder))
    if folder.is_relative_to(config.folder):
        raise Refused(_("Put the backup outside the data folder, ideally on another disk."))
    if mismatch := schema.find_mismatch():
        raise Refused(mismatch)
    earlier = manifest.read(since) if since is not None else None
    with _unfinished(folder) as building:
        entries: dict[str, FileEntry] = {}
        kind = kind_of(config.database)
        with one_moment() as connection:
            name = FILE_NAMES[kind]
            copy_to(building / name, connection, config, tell)
            figures, rows = headline(by=SYSTEM, at=at), count_rows(connection)
            revision = str(schema.revision_of(connection))
        entries[name] = manifest.digest(building / name)
        taken = Taken(
            Manifest(
                version=build_version(),
                revision=revision,
                database=kind,
                taken_at=at.astimezone(UTC).isoformat(),
                has_secret_key=not config.secret_key,
                reporting_zone=config.reporting_zone,
                figures=figures,
                rows=rows,
                files=entries,
                has_files=with_files,
            )
        )
        _copy_private(config, building, entries)
        if with_files:
            _copy_files(building, taken, since, earlier, tell)
        _copy_journal(config, building, entries)  # last: it knows more than the database, never less
        for part in [building, *(path for path in building.rglob("*") if path.is_dir())]:
            sync_folder(part)
        manifest.write(building, taken.manifest)
    note_backup(config, taken.manifest.taken_at, folder)
    return taken


@contextlib.contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A folder to write in, which gets its name at the end. Raises Refused while another backup writes there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.with_name(f".{folder.name}.unfinished")
    building.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(building, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(_("Another backup is writing to %(folder)s.", folder=folder)) from error
        _clear(building)  # what was killed midway
        try:
            yield building
            sync_folder(building)
            building.rename(folder)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        sync_folder(folder.parent)
    finally:
        os.close(handle)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _copy_private(config: Config, building: Path, entries: dict[str, FileEntry]) -> None:
    """Keys, secret and the mark of a demonstration."""
    for name in ("secret.key", "secret.key.old", config.demonstration_mark.name):
        _copy(config.folder / name, name, building, entries)
    for name in manifest.files_in(config.folder / "keys"):
        _copy(config.folder / "keys" / name, f"keys/{name}", building, entries)


def _copy_journal(config: Config, building: Path, entries: dict[str, FileEntry]) -> None:
    if config.is_journal_stored:
        content = "".join(f"{line}\n" for line in place_of(config).lines()).encode()
        entries[JOURNAL] = manifest.copy_content(BytesIO(content), building / JOURNAL)
    else:
        _copy(config.journal_file, JOURNAL, building, entries)


def _copy(source: Path, name: str, building: Path, entries: dict[str, FileEntry]) -> None:
    with contextlib.suppress(FileNotFoundError):
        entries[name] = manifest.copy(source, building / name)


def _copy_files(building: Path, taken: Taken, since: Path | None, earlier: Manifest | None, tell: Tell) -> None:
    """Copies the stored files.

    A file that is deleted in the meantime is left out: its certificate is rendered on demand.
    """
    stored = [file for file in files.all_files() if not file.key.startswith(LEFT_OUT)]
    for done, file in enumerate(stored, 1):
        path = f"files/{file.key}"
        with contextlib.suppress(FileNotFoundError):
            before = earlier.files.get(path) if earlier is not None else None
            if since is None or earlier is None or before is None or not _is_unchanged(file, before, earlier):
                _copy_stored(file.key, building / path, path, taken)
            elif _link(since / path, building / path, before):
                taken.manifest.files[path] = before
                taken.linked += 1
            else:
                taken.damaged.append(path)
                _copy_stored(file.key, building / path, path, taken)
        if done % _STEP == 0 or done == len(stored):
            tell(_("Files: %(done)s of %(total)s", done=done, total=len(stored)))


def _is_unchanged(file: StoredFile, before: FileEntry, earlier: Manifest) -> bool:
    """Whether a file is as in an earlier backup: by its checksum in a folder, by its time in object storage."""
    store = files.current_store()
    if isinstance(store, FolderFiles):
        return manifest.digest(store.path(file.key)) == before
    return file.size == before.size and file.written_at < datetime.fromisoformat(earlier.taken_at) - CLOCKS_DIFFER


def _copy_stored(key: str, target: Path, path: str, taken: Taken) -> None:
    opened = files.reading(key)
    if opened is not None:
        with opened[0] as content:
            taken.manifest.files[path] = manifest.copy_content(content, target)


def _link(earlier: Path, target: Path, expected: FileEntry) -> bool:
    """Makes a file one with that of the earlier backup, if that still is as its manifest says."""
    try:
        if manifest.digest(earlier) != expected:
            return False
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.hardlink_to(earlier)
    except OSError:  # it is gone, or on another disk
        return False
    return True
