"""Reports frozen as they were published."""

import sqlalchemy as sa
from alembic import op

revision = "5c1e8a0f73d2"
down_revision = "097f47aee7f6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum("public", "staff", name="snapshotvisibility", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("as_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_snapshot_country_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("key", name=op.f("uq_snapshot_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_snapshot_public_id")),
    )


def downgrade() -> None:
    op.drop_table("snapshot")
