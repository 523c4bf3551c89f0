"""Whether the stored files are those that rows refer to."""

from __future__ import annotations

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
