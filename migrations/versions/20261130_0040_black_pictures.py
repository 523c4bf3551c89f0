"""Epochs without a picture, in whose place black ones are."""

import sqlalchemy as sa
from alembic import op

revision = "c7e1a3b5d902"
down_revision = "b2c4d6e8f0a1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stream_epoch", sa.Column("has_picture", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    op.drop_column("stream_epoch", "has_picture")
