"""Which process is sending an e-mail: what one that died had taken is sent at once."""

import sqlalchemy as sa
from alembic import op

revision = "d2f7b4a81c36"
down_revision = "c5f8a2d61e94"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox_mail", sa.Column("taken_by", sa.String(length=255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("outbox_mail") as table:
        table.drop_column("taken_by")
