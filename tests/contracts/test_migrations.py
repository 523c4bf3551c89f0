"""The migrations make exactly the tables that the models describe, on both databases, and can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, inspect, text

from lms.app import create_app
from lms.config import Config
from lms.core.db import Base, db


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings with an empty database of its own."""
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_url")
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS fresh WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE fresh"))
        engine.dispose()
        url = create_engine(server).url.set(database="fresh").render_as_string(hide_password=False)
    return Config.load({}, data=str(tmp_path), database_url=url, secret_key="tests-only")


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
