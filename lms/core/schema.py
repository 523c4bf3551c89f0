"""Which revision the database has, and whether this version of the code can work with it."""

from __future__ import annotations

from functools import lru_cache

import structlog
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from lms.config import Config
from lms.core.db import db
from lms.core.errors import Refused
from lms.core.i18n import english as _
from lms.core.resources import resource

log = structlog.get_logger(__name__)

_NOT_PREPARED = "The database is not set up yet. Run `lms init`."


@lru_cache(maxsize=1)
def revisions() -> tuple[str, ...]:
    """All revisions that this version knows, the oldest first."""
    scripts = ScriptDirectory(str(resource("migrations")))
    return tuple(script.revision for script in scripts.walk_revisions())[::-1]


def newest_revision() -> str:
    """The revision that this version works with."""
    return revisions()[-1]


def revision_of(connection: Connection) -> str | None:
    """The revision of a database, or None before `lms init`."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def is_newer(revision: str | None) -> bool:
    """Whether only a newer version of the code knows this revision."""
    return revision is not None and revision not in revisions()


def find_mismatch(engine: Engine | None = None) -> str | None:
    """Why this version cannot work with the database, and what to do; None where it can.

    Reads the application's database unless an engine is given.
    """
    with (engine or db.engine).connect() as connection:
        revision = revision_of(connection)
    if revision == newest_revision():
        return None
    if revision is None:
        return _NOT_PREPARED
    if is_newer(revision):
        return _(
            "The database was migrated to %(revision)s by a newer version of Serai. Install that version or "
            "a later one.",
            revision=revision,
        )
    return _(
        "The database has schema %(found)s, but this version needs %(needed)s. Run `lms init`.",
        found=revision,
        needed=newest_revision(),
    )


def check_not_restoring(config: Config) -> None:
    """Raises Refused while the data folder holds a restore that was not finished."""
    if config.unfinished_restore.exists():
        raise Refused(
            _(
                "A restore into %(folder)s was not finished. Run `lms restore` again, with any backup.",
                folder=config.folder,
            )
        )


def check_prepared(config: Config) -> None:
    """Raises Refused where there is nothing to work with: no SQLite database, or a restore that was not finished.

    Makes nothing, so that a backup can still be restored there.
    """
    check_not_restoring(config)
    if config.sqlite_file is not None and not config.sqlite_file.exists():
        raise Refused(_NOT_PREPARED)


def check(config: Config) -> None:
    """Raises Refused where this version cannot work with the database of these settings.

    A database that does not answer is not refused: requests get 503 until it does.
    """
    check_prepared(config)
    engine = create_engine(config.database, poolclass=NullPool)
    try:
        mismatch = find_mismatch(engine)
    except OperationalError as error:
        log.warning("the schema was not checked", error=str(error.orig))
        return
    if mismatch:
        raise Refused(mismatch)
