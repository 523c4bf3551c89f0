"""Setting up and migrating an installation, with a copy of the database before it is migrated."""

from datetime import datetime
from pathlib import Path

from lms.attendance.actions.facts import rebuild_facts
from lms.certificates.keys import ensure_key
from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database import schema
from lms.core.database.session import db
from lms.core.text.i18n import english as _
from lms.operations import migrating
from lms.operations.databases import Tell, copy_to, kind_of, one_moment
from lms.people.actions.countries import load_countries
from lms.people.actions.factors import seal_second_factors

COPIES = 3
"""How many copies from before migrations are kept."""
_SUFFIXES = {"sqlite": ".db", "postgresql": ".dump"}


def initialise(config: Config, *, copies: bool = True, tell: Tell, at: datetime) -> None:
    """Migrates the database to the newest schema and loads what every installation has.

    An existing database is copied into the data folder before it is migrated, unless `copies` is false. Raises
    Refused for a database that a newer version has migrated, that is too old or not in UTF-8, and where a copy
    cannot be made.
    """
    schema.check_not_restoring(config)
    schema.check_encoding(config)
    with migrating.one_at_a_time(config, tell=tell):
        with db.engine.connect() as connection:
            revision = schema.revision_of(connection)
        if schema.is_newer(revision) or schema.is_retired(revision):
            raise Refused(schema.find_mismatch(is_step_permitted=False) or "")
        if copies and revision not in (None, schema.newest_revision()):
            tell(_("Copied the database to %(path)s", path=copy_before(config, str(revision), at=at)))
        prepare(tell=tell, at=at)


def prepare(*, tell: Tell = lambda _line: None, at: datetime) -> None:
    """Migrates the database and loads what every installation has."""
    migrating.migrate(tell=tell)
    load_countries(by=SYSTEM, at=at)
    seal_second_factors(unsealed_only=True)
    rebuild_facts(missing_only=True, by=SYSTEM)
    ensure_key(by=SYSTEM, at=at)


def copy_before(config: Config, revision: str, *, at: datetime) -> Path:
    """Copies the database into the data folder as `before-<revision>-<time>`; the newest copies are kept.

    Raises Refused where a PostgreSQL cannot be dumped here.
    """
    kind = kind_of(config.database)
    path = config.folder / f"before-{revision}-{at:%Y%m%dT%H%M%SZ}{_SUFFIXES[kind]}"
    partial = path.with_name(f".{path.name}")
    partial.unlink(missing_ok=True)
    try:
        with one_moment() as connection:
            copy_to(partial, connection, config, lambda _line: None)
    except Refused as error:
        partial.unlink(missing_ok=True)
        raise Refused(
            _(
                "The database was not migrated, because it cannot be copied first: %(reason)s You can also take "
                "a backup yourself and run `lms init --no-copy`.",
                reason=error.message,
            )
        ) from error
    partial.rename(path)
    copies = sorted(config.folder.glob("before-*"), key=lambda folder: folder.stat().st_mtime_ns)
    for old in copies[:-COPIES]:
        old.unlink()
    return path
