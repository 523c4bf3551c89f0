"""Sums of presence that reports state, beside the interval within which they lie."""

import sqlalchemy as sa
from alembic import op

revision = "c47e9a1f83d0"
down_revision = "a3d81f60c74e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("presence", sa.Column("stated_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("presence") as batch_op:
        batch_op.drop_column("stated_ms")
