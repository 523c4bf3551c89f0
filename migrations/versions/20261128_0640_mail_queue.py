"""State, priority and reason of mails, and how many left of late."""

import sqlalchemy as sa
from alembic import op

revision = "a91e4c7d2f58"
down_revision = "5b0e1d9c7a42"
branch_labels = None
depends_on = None

PRIORITY = {"account": 0, "places": 1, "place_won": 1, "change": 1, "reminder": 2}
NEVER = 24
"""Attempts after which a mail was not tried any more."""


def upgrade() -> None:
    op.create_table(
        "mail_taken",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_taken")),
    )
    op.create_index(op.f("ix_mail_taken_at"), "mail_taken", ["at"])
    op.add_column("outbox_mail", sa.Column("priority", sa.Integer(), server_default="3", nullable=False))
    op.add_column("outbox_mail", sa.Column("state", sa.String(length=16), server_default="queued", nullable=False))
    op.add_column("outbox_mail", sa.Column("reason", sa.String(length=32), nullable=True))
    mails = sa.table(
        "outbox_mail",
        sa.column("kind", sa.String()),
        sa.column("priority", sa.Integer()),
        sa.column("state", sa.String()),
        sa.column("reason", sa.String()),
        sa.column("error", sa.Text()),
        sa.column("attempts", sa.Integer()),
        sa.column("sent_at", sa.DateTime()),
    )
    for kind, priority in PRIORITY.items():
        op.execute(mails.update().where(mails.c.kind == kind).values(priority=priority))
    unsent = mails.update().where(mails.c.sent_at.is_(None), mails.c.attempts >= NEVER)
    op.execute(mails.update().where(mails.c.sent_at.is_not(None)).values(state="sent"))
    op.execute(unsent.values(state="failed", reason="no_answer"))
    op.execute(unsent.where(mails.c.error.is_(None)).values(state="stopped", reason="stopped"))
    for word in ("expired", "declined"):
        op.execute(unsent.where(mails.c.error == word).values(state=word, reason=word))
    op.drop_index("ix_outbox_mail_due", table_name="outbox_mail")
    op.create_index("ix_outbox_mail_queue", "outbox_mail", ["state", "priority", "due_at", "id"])
    op.create_index("ix_outbox_mail_created", "outbox_mail", ["created_at", "state"])
    op.create_index("ix_outbox_mail_address", "outbox_mail", ["address"])


def downgrade() -> None:
    op.drop_index("ix_outbox_mail_address", table_name="outbox_mail")
    op.drop_index("ix_outbox_mail_created", table_name="outbox_mail")
    op.drop_index("ix_outbox_mail_queue", table_name="outbox_mail")
    op.create_index("ix_outbox_mail_due", "outbox_mail", ["sent_at", "due_at"])
    mails = sa.table("outbox_mail", sa.column("state", sa.String()), sa.column("attempts", sa.Integer()))
    op.execute(mails.update().where(mails.c.state.not_in(["queued", "sent"])).values(attempts=NEVER))
    with op.batch_alter_table("outbox_mail") as table:
        table.drop_column("reason")
        table.drop_column("state")
        table.drop_column("priority")
    op.drop_index(op.f("ix_mail_taken_at"), table_name="mail_taken")
    op.drop_table("mail_taken")
