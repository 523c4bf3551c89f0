"""Pauses that count as part of their lecture after all."""

import sqlalchemy as sa
from alembic import op

revision = "d5f7a9c1e3b4"
down_revision = "e4d2b8f6a713"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lecture_pause", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("lecture_pause", "withdrawn_at")
