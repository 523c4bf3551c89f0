"""For which nomination a seat is held, in the ledger of seats."""

import sqlalchemy as sa
from alembic import op

revision = "b1f6d20e93c7"
down_revision = "c52a14e0b6d1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("seat_entry", sa.Column("nominee", sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column("seat_entry", "nominee")
