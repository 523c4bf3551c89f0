"""Feedback about a series as a whole: its questions and answers."""

import sqlalchemy as sa
from alembic import op

revision = "b36e5a9c4d17"
down_revision = "c5e19a3d7f42"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("feedback_form", sa.Column("about_series_id", sa.Integer(), nullable=True))
    op.add_column("feedback_answer", sa.Column("series_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("feedback_answer", "series_id")
    op.drop_column("feedback_form", "about_series_id")
