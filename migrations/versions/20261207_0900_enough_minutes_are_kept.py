"""Whether enough minutes within the planned length of a lecture are kept: for lectures that end from now on."""

import sqlalchemy as sa
from alembic import op

revision = "b7d20e94c5a1"
down_revision = "e94b07d3c1a8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lecture", sa.Column("keeps_enough", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("lecture", "keeps_enough")
