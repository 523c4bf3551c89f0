"""Lectures entered after their time, of which nobody has said yet whether they were held."""

import sqlalchemy as sa
from alembic import op

revision = "d93c70be51f4"
down_revision = "c58f21d7a3e6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lecture", sa.Column("held_unknown", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("lecture", "held_unknown")
