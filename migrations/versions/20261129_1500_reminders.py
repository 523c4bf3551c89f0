"""Messages to people who are falling behind."""

import sqlalchemy as sa
from alembic import op

revision = "c39e1f7a5d80"
down_revision = "a81d5c3e7f24"
branch_labels = None
depends_on = None

BEFORE = "audience IN ('everyone', 'attended', 'partial', 'absent', 'short')"
AFTER = "audience IN ('everyone', 'attended', 'partial', 'absent', 'short', 'behind')"


def upgrade() -> None:
    with op.batch_alter_table("message") as table:
        table.add_column(sa.Column("search", sa.String(length=100), server_default="", nullable=False))
        table.drop_constraint(op.f("ck_message_audience"), type_="check")
        table.create_check_constraint(op.f("ck_message_audience"), AFTER)


def downgrade() -> None:
    op.execute("UPDATE message SET state = 'stopped' WHERE audience = 'behind' AND state IN ('waiting', 'sending')")
    op.execute("UPDATE message SET audience = 'short' WHERE audience = 'behind'")
    with op.batch_alter_table("message") as table:
        table.drop_constraint(op.f("ck_message_audience"), type_="check")
        table.create_check_constraint(op.f("ck_message_audience"), BEFORE)
        table.drop_column("search")
