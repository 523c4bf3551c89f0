"""Restoring a backup into an empty installation, so that nothing is done twice and erased people stay erased.

While it runs, a marker file is in the data folder and nothing is served from it. If it is interrupted, run the same
command again.
"""

import contextlib
import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask

from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database import schema
from lms.core.database.session import db
from lms.core.storage import files, journal
from lms.core.storage.file_store import FileStore
from lms.core.storage.folder_files import FolderFiles
from lms.core.text.i18n import english as _
from lms.operations import databases, manifest
from lms.operations.aftermath import Stopped, stop_what_was_under_way
from lms.operations.backup import JOURNAL, LEFT_OUT
from lms.operations.databases import FILE_NAMES, Tell, kind_of
from lms.operations.initialise import prepare
from lms.operations.manifest import Manifest, headline
from lms.operations.replay import replay

_FILES = "files/"
_STEP = 500  # files between two reports of progress


@dataclass
class Restored:
    """The result of a restore."""

    manifest: Manifest
    stopped: Stopped
    replayed: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    unreadable: int = 0
    is_migrated: bool = False


def restore(
    folder: Path,
    config: Config,
    make_app: Callable[[Config], Flask],
    *,
    extra_journal: Path | None = None,
    tell: Tell,
    at: datetime,
) -> Restored:
    """Restores a backup into the empty data folder and database of these settings.

    `extra_journal` is a journal that outlived the database, used together with the one at its place and that of the
    backup. Raises Refused before anything is written for a backup that is unfinished, damaged, of a newer version or of
    another kind of database, and where there is data already.
    """
    saved = manifest.read(folder)
    _check_fits(saved, config)
    if extra_journal is not None and not extra_journal.is_file():
        raise Refused(_("There is no journal at %(path)s.", path=extra_journal))
    _check_is_empty(config)
    store = files.make_store(config.files, config)
    if saved.has_files:
        _check_storage_is_empty(store, config)
    _check_files(folder, saved, tell)
    journals = [place for place in (folder / JOURNAL, journal.place_of(config), extra_journal) if place is not None]
    known = journal.read(*journals)
    config.make_folder()
    with _alone(config, tell) as lock:
        config.unfinished_restore.write_text(f"{folder}\n", encoding="utf-8")
        journal.sync_folder(config.folder)
        _clear(config)
        _copy_files(folder, saved, config, store, tell)
        tell(_("Database: restoring"))
        databases.put_back(folder / FILE_NAMES[saved.database], config, lock=lock)
        app = make_app(config)
        with app.app_context():
            try:
                return _finish(saved, known, config, tell=tell, at=at)
            finally:
                db.session.remove()
                db.engine.dispose()


@contextlib.contextmanager
def _alone(config: Config, tell: Tell) -> Iterator[int]:
    """Holds the lock of the mark, on an open file. Waits for another restore, then raises Refused if it finished."""
    handle = os.open(config.unfinished_restore, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(_("Another restore into %(folder)s is still running. Waiting for it to end.", folder=config.folder))
            fcntl.flock(handle, fcntl.LOCK_EX)
            _check_is_empty(config)
        yield handle
    finally:
        os.close(handle)


def _finish(saved: Manifest, known: journal.Journal, config: Config, *, tell: Tell, at: datetime) -> Restored:
    is_older = saved.revision != schema.newest_revision()
    with db.engine.connect() as connection:
        _check_same("rows", databases.count_rows(connection), saved.rows)
    if is_older:
        tell(_("Database: migrating"))
        prepare(at=at)
    else:
        _check_same("figures", headline(by=SYSTEM, at=datetime.fromisoformat(saved.taken_at)), saved.figures)
    db.session.rollback()
    result = Restored(saved, stop_what_was_under_way(saved, by=SYSTEM, at=at), is_migrated=is_older)
    _keep_journal(known, config)
    tell(_("Journal: %(count)s entries", count=len(known.entries)))
    result.replayed, result.entries, result.unreadable = replay(known), len(known.entries), known.unreadable
    with db.engine.begin() as connection:
        databases.finish(connection)
    config.unfinished_restore.unlink()
    journal.sync_folder(config.folder)
    return result


def _check_fits(saved: Manifest, config: Config) -> None:
    kind = kind_of(config.database)
    if saved.database != kind:
        raise Refused(
            _(
                "The backup is from %(theirs)s but LMS_DATABASE_URL is a %(ours)s database. Use an empty "
                "database of the same type.",
                theirs=saved.database,
                ours=kind,
            )
        )
    if saved.reporting_zone != config.reporting_zone:
        raise Refused(
            _("The backup uses the reporting zone %(zone)s. Set LMS_REPORTING_ZONE to it.", zone=saved.reporting_zone)
        )
    if schema.is_retired(saved.revision):
        raise Refused(
            _(
                "The backup is from before 29 November 2026 (schema %(revision)s), which this version cannot migrate.",
                revision=saved.revision,
            )
        )
    if schema.is_newer(saved.revision):
        raise Refused(
            _(
                "The backup was taken with a newer version of Serai (%(version)s, schema %(revision)s). Use that "
                "version or a later one to restore it.",
                version=saved.version,
                revision=saved.revision,
            )
        )


def _check_is_empty(config: Config) -> None:
    is_unfinished = config.unfinished_restore.exists()
    if config.folder.exists() and not config.folder.is_dir():
        raise Refused(_("%(folder)s is not a folder.", folder=config.folder))
    allowed = {config.journal_file, config.folder / "lost+found"}
    if config.folder.exists() and not is_unfinished:
        there = [path for path in config.folder.iterdir() if path not in allowed]
        if there:
            raise Refused(
                _(
                    "The data folder %(folder)s is not empty (%(name)s). Restore only into an empty folder: set "
                    "LMS_DATA to another.",
                    folder=config.folder,
                    name=min(path.name for path in there),
                )
            )
    databases.check_is_empty(config, is_unfinished=is_unfinished)


def _check_storage_is_empty(store: FileStore, config: Config) -> None:
    """Raises Refused for object storage with files that are not of an unfinished restore."""
    if isinstance(store, FolderFiles) or config.unfinished_restore.exists():
        return
    if any(not file.key.startswith(LEFT_OUT) for file in store.listed("")):
        raise Refused(
            _(
                "The storage %(address)s is not empty. Restore into an empty one: set LMS_FILES to another bucket "
                "or prefix.",
                address=config.files,
            )
        )


def _check_files(folder: Path, saved: Manifest, tell: Tell) -> None:
    """Raises Refused for a file that is missing, damaged, or not in the manifest."""
    there = set(manifest.files_in(folder)) - {manifest.NAME}
    listed = set(saved.files)
    if missing := sorted(listed - there):
        raise Refused(_("The backup has no %(path)s. Use another backup.", path=missing[0]))
    if extra := sorted(there - listed):
        raise Refused(_("The backup contains a file that is not in its manifest: %(path)s. Remove it.", path=extra[0]))
    for done, (path, entry) in enumerate(saved.files.items(), 1):
        if (folder / path).is_symlink() or manifest.digest(folder / path) != entry:
            raise Refused(_("%(path)s in the backup is damaged. Use another backup.", path=path))
        if done % _STEP == 0 or done == len(saved.files):
            tell(_("Checked: %(done)s of %(total)s files", done=done, total=len(saved.files)))


def _clear(config: Config) -> None:
    """Removes what an unfinished restore left in the data folder."""
    preserved = {config.unfinished_restore, config.journal_file, config.folder / "lost+found"}
    for path in config.folder.iterdir():
        if path in preserved:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _copy_files(folder: Path, saved: Manifest, config: Config, store: FileStore, tell: Tell) -> None:
    names = [name for name in saved.files if name not in {FILE_NAMES[saved.database], JOURNAL}]
    for done, name in enumerate(names, 1):
        if name.startswith(_FILES) and not isinstance(store, FolderFiles):
            store.put_path(name.removeprefix(_FILES), folder / name)
        elif manifest.copy(folder / name, config.folder / name) != saved.files[name]:
            raise Refused(_("%(path)s in the backup is damaged. Use another backup.", path=name))
        if done % _STEP == 0 or done == len(names):
            tell(_("Files: %(done)s of %(total)s", done=done, total=len(names)))


def _check_same(what: str, restored: dict[str, Any], saved: dict[str, Any]) -> None:
    differing = sorted(name for name in restored.keys() | saved.keys() if restored.get(name) != saved.get(name))
    if differing:
        name = differing[0]
        raise Refused(
            _(
                "The restored database differs from the manifest in its %(what)s: %(name)s is %(found)s, not "
                "%(wanted)s. Use another backup.",
                what=what,
                name=name,
                found=restored.get(name),
                wanted=saved.get(name),
            )
        )


def _keep_journal(known: journal.Journal, config: Config) -> None:
    """Has the journal at its place hold all that is known, so that the next restore knows it too."""
    place = journal.place_of(config)
    there = {entry.id for entry in journal.read(place).entries}
    missing = [entry.line() for entry in known.entries if entry.id not in there]
    if missing:
        config.journal_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.append(missing)
