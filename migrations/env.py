"""Alembic's environment: batch mode, and foreign keys off outside the migration's transaction on SQLite.

On PostgreSQL each migration has a transaction of its own, over a connection that leads past a pool, and gives up a lock
that it does not get at once.
"""

from __future__ import annotations

from alembic import context
from flask import current_app
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import Engine

from lms.core.base.settings import settings
from lms.core.database import search
from lms.core.database.cache_versions import UNWATCHED
from lms.core.database.migration_operations import bound_waits
from lms.core.database.session import Base, UtcDateTime


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Writes our own types as what they are in the database: a migration imports no application code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """The search index is made with its tables, and stands in no model."""
    return kind not in {"table", "index"} or not search.is_part_of_index(name)


database = current_app.extensions["migrate"].db


def engine_to_migrate() -> Engine:
    """The application's engine; on PostgreSQL, one past the pool where a setting names an address for that."""
    direct = settings().direct_database
    if direct == settings().database:
        engine: Engine = database.engine
        return engine
    return create_engine(direct, poolclass=NullPool)


def run() -> None:
    """Migrates. Batch mode rebuilds tables: with foreign keys on, a rebuilt parent would empty its children."""
    with engine_to_migrate().connect().execution_options(**{UNWATCHED: True}) as connection:
        sqlite = connection.dialect.name == "sqlite"
        if not sqlite:
            bound_waits(connection)
        else:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        try:
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                render_as_batch=True,
                transactional_ddl=True,  # on SQLite too: one that is killed midway leaves nothing half
                transaction_per_migration=not sqlite,
                render_item=render_item,
                include_name=include_name,
                compare_type=True,
                compare_server_default=True,
            )
            with context.begin_transaction():
                context.run_migrations()
                search.ensure(connection)
                if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
                    raise RuntimeError(f"the migration leaves broken references: {broken[:5]}")
            connection.commit()
        finally:
            if sqlite:
                connection.rollback()
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")


run()
