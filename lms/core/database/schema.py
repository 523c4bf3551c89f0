"""Which revision the database has, and whether this version of the code can work with it.

While several machines are updated one after the other, two versions of the code share one PostgreSQL. The newer one
migrates it first. The earlier one may go on where every migration between them permits it: the database says so.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import psycopg
import structlog
from alembic.script import Script, ScriptDirectory
from sqlalchemy import NullPool, String, create_engine, make_url, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.settings import resource
from lms.core.database.session import Base, action, db, is_sqlite
from lms.core.text.i18n import english as _

log = structlog.get_logger(__name__)

_NOT_PREPARED = "The database is not set up yet. Run `lms init`."
_RETIRED = """
    097f47aee7f6 3c6911323ad5 3f9a61c7b2d8 4be17f0c93d6 5b0d3c6e91a4 5b0e1d9c7a42 5b1e0c94d2a7 5b3a1c2f7e60
    5c1e8a0f73d2 5d1f7a40c3e9 5d7a1f0e62c8 5e0c7d92ab46 6722790129e0 7c20e5d9b3f1 7f3c52b8e190 80a977404b4d
    8c41d0a6e5f3 8f40d2b6e1c5 9b1e7d3c5f20 a2eb3f84d9ac a3d81f60c74e a4c07e15d9b2 a7d3f0c25e18 a7d3f0c96b15
    a1f0c3d2b4e5 a81d5c3e7f24 a8e1c3f5b7d9 a91e4c7d2f58 b1f6d20e93c7 b2c1d4e5f601 b2e1d4c5f6a7 b7d20f4c91ae b7e35a90d2c4
    b81d0c5f7a36 b81f4c0d5e27 c2a58f06e713 c39e1f7a5d80 c3f2e5d6a7b8 c41d8be7a903 c47e9a1f83d0 c4a71e90d2b8
    c52a14e0b6d1 c58d2e6f1a93 c58f21d7a3e6 c59a1b7d4e20 c92e4a7d10b5 d1a7c0de0001 d4b8f03a92c6 d4c7a1e90b35
    d4e2f6a7b801 d5a1c7e2b904 d93c70be51f4 dbf8375fc241 e04b7c92d615 e4a7c2916b08 e4a7c91d2b06 e5b8c1d2f4a6
    e8a1c2b3d4f5 e91b57d4c083 f2c6b8d41a93 f6c9d2e3a5b7
"""
"""The revisions before the first migration, which replaced them on 29 November 2026. There will be no more: what
replaces migrations from now on keeps them (docs/contributing/migration.md)."""


class SchemaStep(Base):
    """The last migration from one version of the code to another; one row.

    `before` is the newest revision of the version that may still work with the database, or null.
    """

    __tablename__ = "schema_step"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    before: Mapped[str | None] = mapped_column(String(32))
    after: Mapped[str] = mapped_column(String(32))


@lru_cache(maxsize=1)
def revisions() -> tuple[str, ...]:
    """All revisions that this version knows, the oldest first."""
    scripts = ScriptDirectory(str(_migrations()))
    return tuple(script.revision for script in scripts.walk_revisions())[::-1]


def _migrations() -> Path:
    return resource("migrations")


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
    return revision is not None and revision not in revisions() and not is_retired(revision)


def is_retired(revision: str | None) -> bool:
    """Whether a revision precedes the first migration: nothing leads from it to those of today."""
    return revision in _RETIRED.split()


def permits_earlier(scripts: Sequence[Script], revision: str) -> bool:
    """Whether code whose newest revision is `revision` can work with a database after all of these migrations.

    `scripts` are all migrations, the oldest first. One that removes what earlier code uses names in `contract_since`
    the revision from which on the code no longer does.
    """
    order = [script.revision for script in scripts]
    if revision not in order:
        return False
    since = [getattr(script.module, "contract_since", None) for script in scripts[order.index(revision) + 1 :]]
    return all(order.index(name) <= order.index(revision) for name in since if name is not None)


def begin_step() -> None:
    """Before migrations, records in a PostgreSQL database which earlier version may work with it afterwards.

    A step that was interrupted remains the same.
    """
    if is_sqlite():
        return
    with db.engine.connect() as connection:
        revision = revision_of(connection)
        is_there = connection.dialect.has_table(connection, SchemaStep.__tablename__)
    if is_there and revision not in (None, newest_revision()):
        scripts = list(ScriptDirectory(str(_migrations())).walk_revisions())[::-1]
        _record_step(revision if permits_earlier(scripts, str(revision)) else None, newest_revision())


@action
def _record_step(before: str | None, after: str) -> None:
    step = db.session.get(SchemaStep, 1)
    if step is None or step.after != after:
        db.session.merge(SchemaStep(id=1, before=before, after=after))


def is_step_ahead(connection: Connection) -> bool:
    """Whether a newer version has migrated the database in a way that this version can work with."""
    if not connection.dialect.has_table(connection, SchemaStep.__tablename__):
        return False
    before = connection.scalar(text("SELECT before FROM schema_step"))
    return before is not None and before == newest_revision()


def find_mismatch(engine: Engine | None = None, *, is_step_permitted: bool = True) -> str | None:
    """Why this version cannot work with the database, and what to do; None where it can.

    Reads the application's database unless an engine is given. `is_step_permitted`: a newer version may have migrated
    it, if this one can still work with it.
    """
    with (engine or db.engine).connect() as connection:
        revision = revision_of(connection)
        is_permitted = is_step_permitted and is_newer(revision) and is_step_ahead(connection)
    if revision == newest_revision() or is_permitted:
        return None
    if revision is None:
        return _NOT_PREPARED
    if is_retired(revision):
        return _(
            "The database is from before 29 November 2026 (schema %(revision)s), which this version cannot migrate. "
            "Use an empty database, and import again what you need.",
            revision=revision,
        )
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


def check_encoding(config: Config) -> None:
    """Raises Refused for a PostgreSQL database that does not keep its text as UTF-8. One that is away is not refused.

    Such a database is noticed here or never: SQLAlchemy cannot begin to work with one of SQL_ASCII.
    """
    if config.sqlite_file is not None:
        return
    url = make_url(config.direct_database).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(url) as connection:
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.OperationalError:
        return
    if encoding != "UTF8":
        raise Refused(
            _(
                "The database keeps text as %(encoding)s, and Serai needs UTF-8. Create another one with "
                "`createdb --encoding UTF8 --locale C.UTF-8 --template template0`.",
                encoding=encoding,
            )
        )


def check_prepared(config: Config) -> None:
    """Raises Refused where there is nothing to work with: no SQLite database, a restore that was not finished, or a
    database that cannot be used.

    Makes nothing, so that a backup can still be restored there.
    """
    check_not_restoring(config)
    check_encoding(config)
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
