"""What was posted by itself, such as reminders."""

import sqlalchemy as sa
from alembic import op

revision = "9b1e7d3c5f20"
down_revision = "a8e1c3f5b7d9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_run",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mail_run")),
    )
    op.create_index(op.f("ix_mail_run_at"), "mail_run", ["at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_mail_run_at"), table_name="mail_run")
    op.drop_table("mail_run")
