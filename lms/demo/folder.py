"""The data folder of a demonstration: whose it is, how old, how it is filled, and how a new one takes its place."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.database import search
from lms.core.database.session import db
from lms.core.text.i18n import english as _

STALE_AFTER = timedelta(days=1)


class Rest(StrEnum):
    """Whether a demonstration has what the worker adds while the site is served (see `build.add_rest`)."""

    MISSING = "missing"
    BEGUN = "begun"
    ADDED = "added"


@dataclass(frozen=True)
class FolderMark:
    """The mark in a demonstration's data folder: when it was built, for how many people, and how far."""

    built_at: datetime
    people: int
    rest: Rest = Rest.ADDED

    def is_stale(self, now: datetime) -> bool:
        """Whether it is older than a day, so that what is live and to come has passed by."""
        return now - self.built_at > STALE_AFTER


def find_mark(config: Config) -> FolderMark | None:
    """The mark of a demonstration, or None where there is none yet.

    Raises Refused for a folder that holds something else: a demonstration is never built over real data.
    """
    try:
        content = json.loads(config.demonstration_mark.read_text(encoding="utf-8"))
        rest = Rest(content.get("rest", Rest.ADDED))
        return FolderMark(datetime.fromisoformat(content["built_at"]), int(content["people"]), rest)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (ValueError, KeyError) as error:
        raise Refused(_("%(path)s cannot be read. Delete it or the folder.", path=config.demonstration_mark)) from error
    if config.folder.exists() and (not config.folder.is_dir() or any(config.folder.iterdir())):
        raise Refused(
            _(
                "%(folder)s contains something other than a demonstration. Set LMS_DATA to another folder.",
                folder=config.folder,
            )
        )
    return None


def set_mark(config: Config, mark: FolderMark) -> None:
    """Marks a data folder as a demonstration."""
    content = {"built_at": mark.built_at.isoformat(), "people": mark.people, "rest": mark.rest}
    config.demonstration_mark.write_text(json.dumps(content) + "\n", encoding="utf-8")


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A new folder next to `folder` to build in; it replaces the old one at the end, or leaves no trace.

    The remains of an interrupted build are removed first.
    """
    building = folder.with_name(f".{folder.name}.building")
    former = folder.with_name(f".{folder.name}.former")
    if former.exists() and not folder.exists():
        former.rename(folder)  # stopped between the two renamings
    for left in (building, former):
        shutil.rmtree(left, ignore_errors=True)
    building.mkdir(mode=0o700, parents=True)
    try:
        yield building
        _sync(building)
        if folder.exists():
            folder.rename(former)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(former, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


_PRAGMAS = (
    "synchronous=OFF", "wal_autocheckpoint=16384", "cache_size=-262144", "soft_heap_limit=0",
    "ignore_check_constraints=ON", "foreign_keys=OFF",
)  # fmt: skip
"""No commit waits for the disk: the folder is written to disk as a whole before it takes its place. Checking each
value and key takes two thirds of the time of an insert; the tests of the demonstration check what was built.
"""
_UNREAD = """
SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'
AND tbl_name IN ('person', 'person_country', 'enrolment', 'seat_entry', 'audit_subject', 'presence', 'credit')
AND name NOT IN ('ix_person_canonical_id', 'ix_enrolment_series_id_status_queued_at')
"""
"""The indexes of large tables by which imports find nothing."""


@contextmanager
def many_rows() -> Iterator[None]:
    """Sets up the connections of the current application."""

    def prepare(connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(db.engine, "connect", prepare)
    db.engine.dispose()
    try:
        yield
    finally:
        event.remove(db.engine, "connect", prepare)


@contextmanager
def indexed_at_the_end() -> Iterator[None]:
    """Drops the indexes that imports do not read, and makes them again: 3 s less until the first page. Those of search
    are made with the rest."""
    with db.engine.begin() as connection:
        search.set_aside(connection)
        indexes = connection.execute(text(_UNREAD)).all()
        for name, _statement in indexes:
            connection.execute(text(f"DROP INDEX {name}"))
    yield
    with db.engine.begin() as connection:
        for _name, statement in indexes:
            connection.execute(text(statement))
