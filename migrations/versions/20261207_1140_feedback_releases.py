"""Releases of feedback and of polls' countries: what is shown of the answers; and which correction replaced which."""

import sqlalchemy as sa
from alembic import op

revision = "a3d58e1f6c92"
down_revision = "b7d20e94c5a1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("feedback_answer", sa.Column("changes", sa.Integer(), server_default="1", nullable=False))
    op.create_table(
        "feedback_release",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=True),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stamp", sa.String(length=200), nullable=False),
        sa.Column("facts_version", sa.BigInteger(), nullable=True),
        sa.Column("answers", sa.Integer(), nullable=True),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("satisfaction", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("history", sa.JSON(), nullable=False),
        sa.CheckConstraint("(lecture_id IS NULL) != (series_id IS NULL)", name=op.f("ck_feedback_release_of_one")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_feedback_release_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_feedback_release_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_release")),
        sa.UniqueConstraint("lecture_id", name=op.f("uq_feedback_release_lecture_id")),
        sa.UniqueConstraint("series_id", name=op.f("uq_feedback_release_series_id")),
    )
    op.add_column("correction", sa.Column("replaces_id", sa.Integer(), nullable=True))
    op.add_column("poll", sa.Column("countries", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("poll", "countries")
    op.drop_column("correction", "replaces_id")
    op.drop_table("feedback_release")
    op.drop_column("feedback_answer", "changes")
