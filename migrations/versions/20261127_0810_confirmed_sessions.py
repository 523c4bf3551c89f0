"""When somebody confirmed that a lecture was held; those held before count as confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "c58f21d7a3e6"
down_revision = "c58d2e6f1a93"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lecture", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE lecture SET confirmed_at = actual_end WHERE state = 'held'")


def downgrade() -> None:
    op.drop_column("lecture", "confirmed_at")
