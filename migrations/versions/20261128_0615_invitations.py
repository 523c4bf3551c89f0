"""Invitations for calendars: since when a lecture's are out, and in which version a person has them."""

import sqlalchemy as sa
from alembic import op

revision = "e5b8c1d2f4a6"
down_revision = "c2a58f06e713"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lecture", sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("enrolment", sa.Column("calendar_changes", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("enrolment") as table:
        table.drop_column("calendar_changes")
    with op.batch_alter_table("lecture") as table:
        table.drop_column("invited_at")
