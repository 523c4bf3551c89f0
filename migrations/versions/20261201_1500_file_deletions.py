"""Stored files that are to be deleted: noted until they are."""

import sqlalchemy as sa
from alembic import op

revision = "c5f8a2d61e94"
down_revision = "b7c41e9d2a60"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_deletion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("is_folder", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_deletion")),
    )
    op.create_index(op.f("ix_file_deletion_asked_at"), "file_deletion", ["asked_at"])


def downgrade() -> None:
    op.drop_table("file_deletion")
