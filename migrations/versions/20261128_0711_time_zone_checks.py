"""Checks of lectures against the time zone database."""

import sqlalchemy as sa
from alembic import op

revision = "a8e1c3f5b7d9"
down_revision = "f6c9d2e3a5b7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "time_zone_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_zone_check")),
    )


def downgrade() -> None:
    op.drop_table("time_zone_check")
