"""Whether the stored files are those that rows refer to."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from lms.core import files
from lms.core.db import db
from lms.core.events import StoredFilesAsked, publish
from lms.core.i18n import english as _
from lms.core.i18n import english_n as _n
from lms.core.roles import SYSTEM
from lms.operations.backup import LEFT_OUT
from lms.operations.checks.model import CheckContext, Finding, fault, ok, warning

SHOWN = 3
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
    db.session.rollback()
    stored = {file.key for file in files.all_files() if not file.key.startswith(LEFT_OUT)}
    missing, unused = sorted(keys.needed - stored), sorted(stored - keys.needed - keys.optional)
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
