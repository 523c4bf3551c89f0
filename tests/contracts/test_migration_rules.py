"""Each migration since the first version lets the version before it go on, and locks no table for long."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import inspect, select, text

from lms.app import create_app
from lms.config import Config
from lms.core.database import schema
from lms.core.database.cache_versions import UNWATCHED
from lms.core.database.session import db
from tests.contracts.migration_rules import faults_of
from tests.faults.test_migrations import fill, reflected

ROWS = 3
VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"
FIRST = "a9d3c5e7f104"
"""The first revision that these rules hold for: those before it were never updated from while people used the site."""


def later_files() -> list[Path]:
    order = schema.revisions()
    since = order[order.index(FIRST) :]
    return [
        path
        for path in sorted(VERSIONS.glob("*.py"))
        if any(f'revision = "{name}"' in path.read_text() for name in since)
    ]


@pytest.mark.parametrize("path", later_files(), ids=lambda path: path.stem)
def test_a_migration_expands_and_locks_nothing_for_long(path: Path) -> None:
    assert faults_of(path.read_text(encoding="utf-8")) == [], "see docs/contributing/migration.md"


def migration(*lines: str, head: str = "") -> str:
    return "\n".join([head, "def upgrade() -> None:", *(f"    {line}" for line in lines)])


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (['op.create_table("a", x)', 'op.create_index("i", "a", ["b"])'], ""),
        (['op.create_index("i", "person", ["b"])'], "create_index"),
        (['op.create_index_online("i", "person", ["b"])'], ""),
        (
            ['op.create_index_online("i", "person", ["b"])', 'op.add_column("p", sa.Column("c", nullable=True))'],
            "add_column",
        ),
        (['op.add_column("p", sa.Column("c", sa.Integer(), nullable=False))'], "add_column"),
        (['op.add_column("p", sa.Column("c", sa.Integer(), server_default="0", nullable=False))'], ""),
        (['op.add_column("p", sa.Column("c", sa.ForeignKey("q.id"), nullable=True))'], "add_column"),
        (['with op.batch_alter_table("p") as table:', '    table.drop_column("c")'], "drop_column"),
        (['with op.batch_alter_table("p") as table:', '    table.alter_column("c", nullable=False)'], "alter_column"),
        (['op.create_foreign_key("f", "a", "b", ["c"], ["d"])'], "create_foreign_key"),
        (['op.execute("UPDATE person SET a = 1")'], "execute"),
        (['op.execute("INSERT INTO region VALUES (1)")'], ""),
        (['op.something_new("a")'], "something_new"),
    ],
)
def test_the_rules_name_what_is_wrong(lines: list[str], fault: str) -> None:
    faults = faults_of(migration(*lines))
    assert bool(faults) == bool(fault)
    assert all(text.startswith(fault) for text in faults)


def test_what_earlier_code_no_longer_uses_may_be_removed() -> None:
    assert faults_of(migration('op.drop_table("a")'))
    assert faults_of(migration('op.drop_table("a")', head='contract_since = "a9d3c5e7f104"')) == []


@pytest.mark.long
def test_the_version_before_writes_and_reads_after_each_migration(fresh: Config) -> None:
    app = create_app(fresh)
    with app.app_context():
        order = schema.revisions()
        upgrade(revision=order[order.index(FIRST) - 1])
        for revision in order[order.index(FIRST) :]:
            earlier = reflected()  # as its models describe them
            upgrade(revision=revision)
            there = set(inspect(db.engine).get_table_names())
            tables = [table for table in earlier if table.name in there]  # a contract may have dropped one
            with db.engine.connect().execution_options(**{UNWATCHED: True}) as connection:
                sqlite = connection.dialect.name == "sqlite"
                fill(tables, ROWS)
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF" if sqlite else "SELECT 1")
                for table in tables:
                    assert len(connection.execute(select(*table.columns)).all()) == ROWS, table.name
                    keys = {column.name for column in table.primary_key}
                    values = {column.name: column for column in table.columns if column.name not in keys}
                    if values:
                        connection.execute(table.update().values(values))
                for table in reversed(tables):
                    connection.execute(table.delete())
                connection.rollback()
            _empty([table.name for table in tables])
        db.session.remove()
        db.engine.dispose()


def _empty(names: list[str]) -> None:
    with db.engine.execution_options(**{UNWATCHED: True}).begin() as connection:
        if connection.dialect.name != "sqlite":
            connection.execute(text(f"TRUNCATE {', '.join(f'{chr(34)}{name}{chr(34)}' for name in names)} CASCADE"))
            return
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for name in names:
            connection.exec_driver_sql(f'DELETE FROM "{name}"')
