"""The migrations make exactly the tables that the models describe, on both databases, and can be undone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from lms.app import create_app
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.search import is_part_of_index
from lms.core.database.session import Base, db
from lms.people.actions.persons import change_profile, create_person
from lms.people.queries.finding import find_people
from tests.later_migration import add_later_migration


def in_models(name: str | None, kind: str, _parents: object) -> bool:
    return kind not in {"table", "index"} or not is_part_of_index(name)


def index_parts() -> set[tuple[str, str]]:
    """The parts of the search index that the database has, as it writes them down."""
    listed = "SELECT name, sql FROM sqlite_master WHERE name LIKE 'search_%' AND sql IS NOT NULL"
    if db.engine.dialect.name != "sqlite":
        listed = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'search_%' UNION ALL "
            "SELECT proname, prosqlbody::text FROM pg_proc WHERE proname LIKE 'search_%'"
        )
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(listed.replace("%", "%%") if "pg_" in listed else listed)
        return {(name, sql.replace("IF NOT EXISTS ", "").replace("OR REPLACE ", "")) for name, sql in rows}


def test_migrations_make_what_the_models_describe_and_can_be_undone(fresh: Config) -> None:
    app = create_app(fresh)
    with app.app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": in_models})
            assert compare_metadata(context, Base.metadata) == []
        upgrade()  # a second time changes nothing
        migrated = index_parts()
        downgrade(revision="base")
        assert index_parts() == set()
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        db.create_all()
        assert index_parts() == migrated, "the models make the same search index"
        assert len(migrated) > 3
        db.session.remove()
        db.engine.dispose()


def test_people_are_found_after_a_migration_that_rebuilds_their_table(
    fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(fresh)
    with app.app_context():
        upgrade()
        at = datetime(2026, 11, 27, tzinfo=UTC)
        before = create_person(full_name="Before Rebuilding", email="a@example.org", by=SYSTEM, at=at)
        add_later_migration(app, tmp_path, monkeypatch)
        upgrade()
        create_person(full_name="After Rebuilding", email="b@example.org", by=SYSTEM, at=at)
        change_profile(before.public_id, {"full_name": "Changed Rebuilding"}, by=SYSTEM, at=at)
        for typed, names in (("before", []), ("rebuilding", ["After Rebuilding", "Changed Rebuilding"])):
            people = find_people((typed,), day=at.date(), by=SYSTEM)
            assert sorted(one.full_name for one in people) == names
        db.session.remove()
        db.engine.dispose()


def test_migrations_import_no_application_code() -> None:
    folder = Path(__file__).resolve().parents[2] / "migrations" / "versions"
    files = sorted(folder.glob("*.py"))
    assert files
    for path in files:
        assert "lms" not in path.read_text(encoding="utf-8"), path
