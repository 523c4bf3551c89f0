"""When what recurs ran last, and what failed."""

import sqlalchemy as sa
from alembic import op

revision = "e2a7d4f90b36"
down_revision = "d2f7b4a81c36"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recurring_run",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_recurring_run")),
    )


def downgrade() -> None:
    op.drop_table("recurring_run")
