"""Whether the stored files are those that rows refer to."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from lms.core.base.events import StoredFilesAsked, publish
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.file_deletions import list_waiting
from lms.core.text.i18n import english as _
from lms.core.text.i18n import english_n as _n
from lms.operations.backup import LEFT_OUT
from lms.operations.checks.model import CheckContext, Finding, fault, ok, warning

SHOWN = 3
LATE = timedelta(hours=1)
"""After this time, files that are to be deleted are a reason to look at the storage and the worker."""
"""Missing files that are listed by name."""


def check_storage(context: CheckContext) -> Iterator[Finding]:
    """Whether object storage can be written, read and deleted from. Its engine says whether it answers at all."""
    if not context.config.files:
        return
    key = f"identity/check-{secrets.token_hex(8)}"
    try:
        is_new = files.create(key, key.encode()) and not files.create(key, b"")
        is_same = files.find(key) == key.encode()
        files.delete(key)
    except files.StorageAway as error:
        remedy = _("Check LMS_FILES and what its credentials allow: reading, writing, listing and deleting.")
        yield fault(_("files"), _("the storage cannot be used: %(error)s", error=error), remedy)
        return
    if is_new and is_same:
        yield ok(_("files"), _("the storage can be written and read"))
    else:
        remedy = _("Use storage that supports the header If-None-Match when it writes.")
        yield fault(_("files"), _("the storage replaces files that must not be replaced"), remedy)


def check_files(context: CheckContext) -> Iterator[Finding]:
    """Whether every file that a row needs is there, and a row refers to every file."""
    keys = StoredFilesAsked(by=SYSTEM, at=context.at)
    publish(keys)
    removed = list_waiting()
    db.session.rollback()
    stored = {file.key for file in files.all_files() if not file.key.startswith(LEFT_OUT)}
    missing, superfluous = sorted(keys.needed - stored), stored - keys.needed - keys.optional
    unused = sorted(superfluous - set(_below(superfluous, removed)))
    yield from _check_removed(removed, context)
    for name in missing[:SHOWN]:
        remedy = _("Copy files/%(name)s from a backup.", name=name)
        yield fault(_("files"), _("%(name)s is missing", name=name), remedy)
    if len(missing) > SHOWN:
        more = _n("%(num)s more file is missing", "%(num)s more files are missing", len(missing) - SHOWN)
        yield fault(_("files"), more, _("Copy the folder files from a backup, without replacing what is there."))
    if unused:
        text = _n(
            "%(num)s file not referenced by any row: %(name)s",
            "%(num)s files not referenced by any row: %(name)s, …",
            len(unused),
            name=unused[0],
        )
        yield warning(_("files"), text, _("Nothing uses them. You can delete them."))
    if not missing and not unused:
        yield ok(_("files"), _n("%(num)s file", "%(num)s files", len(stored)))


def _below(keys: Iterable[str], removed: Sequence[tuple[str, bool, datetime]]) -> Iterator[str]:
    """The keys of files that are to be deleted."""
    folders = tuple(f"{key}/" for key, is_folder, _asked_at in removed if is_folder)
    files_alone = {key for key, is_folder, _asked_at in removed if not is_folder}
    return (key for key in keys if key in files_alone or key.startswith(folders))


def _check_removed(removed: Sequence[tuple[str, bool, datetime]], context: CheckContext) -> Iterator[Finding]:
    late = [asked_at for _key, _is_folder, asked_at in removed if asked_at < context.at - LATE]
    if late:
        text = _n(
            "%(num)s removed file or recording is still stored, since %(day)s",
            "%(num)s removed files or recordings are still stored, since %(day)s",
            len(late),
            day=late[0].date().isoformat(),
        )
        yield warning(_("files"), text, _("They are deleted once the storage answers and a worker runs."))
