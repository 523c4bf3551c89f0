"""The migrations make exactly the tables that the models describe, on both databases, and can be undone."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from lms.app import create_app
from lms.config import Config
from lms.core.db import Base, db


def test_migrations_make_what_the_models_describe(fresh: Config) -> None:
    app = create_app(fresh)
    with app.app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
        upgrade()  # a second time changes nothing


def test_migrations_can_be_undone(fresh: Config) -> None:
    app = create_app(fresh)
    with app.app_context():
        upgrade()
        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        upgrade()
        assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())
        db.engine.dispose()


def test_migrations_import_no_application_code() -> None:
    folder = Path(__file__).resolve().parents[2] / "migrations" / "versions"
    files = sorted(folder.glob("*.py"))
    assert files
    for path in files:
        assert "lms" not in path.read_text(encoding="utf-8"), path
