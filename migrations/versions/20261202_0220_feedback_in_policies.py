"""Certificates that ask for feedback, and on how many lectures when the enrolled were last informed."""

import sqlalchemy as sa
from alembic import op

revision = "d4b81f6e2c37"
down_revision = "d4a81c0e6b57"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policy", sa.Column("min_feedback", sa.Integer(), nullable=True))
    op.add_column("enrolment", sa.Column("required_feedback", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("enrolment", "required_feedback")
    with op.batch_alter_table("policy") as table:
        table.drop_column("min_feedback")
