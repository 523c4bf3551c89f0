"""Heartbeats that a page kept while its line was down, and the presence that they say."""

import sqlalchemy as sa
from alembic import op

revision = "e4a7c2916b08"
down_revision = "c59a1b7d4e20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("beat", sa.Column("offline", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("presence", sa.Column("offline", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("presence", "offline")
    op.drop_column("beat", "offline")
