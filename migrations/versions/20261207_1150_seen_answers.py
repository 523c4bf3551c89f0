"""Who has seen the right answers of a knowledge check."""

import sqlalchemy as sa
from alembic import op

revision = "f2a86c19d7e5"
down_revision = "a3d58e1f6c92"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("check_attempt", sa.Column("answers_seen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("check_attempt", "answers_seen_at")
