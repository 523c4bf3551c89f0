"""How far the mailbox of returned mails was read; addresses that do not exist are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "e4a7c91d2b06"
down_revision = "b1f6d20e93c7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bounce_mailbox",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=False),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_bounce_mailbox")),
    )

    only = sa.text("reason = 'no_such_address'")
    op.create_index(
        "ix_outbox_mail_no_such_address", "outbox_mail", ["address"], sqlite_where=only, postgresql_where=only
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_mail_no_such_address", table_name="outbox_mail")
    op.drop_table("bounce_mailbox")
