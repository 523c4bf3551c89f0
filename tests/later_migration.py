"""An example of a migration that comes after those in the tree, so that upgrading a database with rows is tried.

It does what migrations do that go wrong: it rebuilds a table that others refer to, adds a table and changes rows.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from apiflask import APIFlask

from lms.core.base.settings import resource
from lms.core.database import schema

REVISION = "0e0a6d1e0001"
ONLINE = '''"""An example that holds nobody up."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.update_in_batches("person", {{"native_name": "'example'"}}, where="native_name IS NULL AND id % 3 = 0")
    op.create_index_online("ix_person_example", "person", ["native_name", "id"])
    op.create_index_online("ix_credit_example", "credit", ["present_ms"], where="present_ms > 0")
    op.add_foreign_key_online("fk_credit_example", "credit", "lecture", ["lecture_id"], ["id"])
    op.add_check_online("ck_person_example", "person", "id > 0")


def downgrade() -> None:
    with op.batch_alter_table("person") as table:
        table.drop_constraint("ck_person_example", type_="check")
    with op.batch_alter_table("credit") as table:
        table.drop_constraint("fk_credit_example", type_="foreignkey")
    op.drop_index("ix_credit_example", "credit")
    op.drop_index("ix_person_example", "person")
'''
"""As a migration of large tables is written: each operation can be interrupted, and holds a lock for a moment."""
CONTENT = '''"""An example."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("person") as table:
        table.alter_column("full_name", existing_type=sa.String(200), type_=sa.String(240))
        table.add_column(sa.Column("example", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE person SET example = true WHERE full_name <> ''")
    op.create_table(
        "example",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_example_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_example")),
    )
    op.create_index(op.f("ix_example_person_id"), "example", ["person_id"])
    op.execute("UPDATE enrolment SET profile_shared_at = registered_at WHERE profile_shared_at IS NOT NULL")


def downgrade() -> None:
    op.drop_table("example")
    with op.batch_alter_table("person") as table:
        table.drop_column("example")
        table.alter_column("full_name", existing_type=sa.String(240), type_=sa.String(200))
'''


def copy_with_later_migration(folder: Path, monkeypatch: pytest.MonkeyPatch, content: str = CONTENT) -> Path:
    """Copies the migrations, puts the example after them, and makes `schema` know it; returns the copy's folder."""
    copied = folder / "migrations"
    known = schema.revisions()
    shutil.copytree(str(resource("migrations")), copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "versions" / "99999999_0000_example.py").write_text(content.format(revision=REVISION, before=known[-1]))
    monkeypatch.setattr(schema, "revisions", lambda: (*known, REVISION))
    monkeypatch.setattr(schema, "_migrations", lambda: copied)
    return copied


def use_migrations(app: APIFlask, folder: Path) -> APIFlask:
    """Makes an app use the migrations of a folder; returns the app."""
    config = app.extensions["migrate"]
    config.directory = config.migrate.directory = str(folder)
    return app


def add_later_migration(app: APIFlask, folder: Path, monkeypatch: pytest.MonkeyPatch, content: str = CONTENT) -> None:
    """Makes an app that lasts for one test, and `schema`, use a copy of the migrations with the example after them."""
    use_migrations(app, copy_with_later_migration(folder, monkeypatch, content))
