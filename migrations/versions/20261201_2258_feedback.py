"""Feedback after lectures: questions, answers, hidden comments."""

import sqlalchemy as sa
from alembic import op

revision = "f36b1c0a7d52"
down_revision = "a4e1c9d7b208"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feedback_form",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=True),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(lecture_id IS NULL) != (series_id IS NULL)", name=op.f("ck_feedback_form_of_one")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_feedback_form_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_feedback_form_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_form")),
    )
    op.create_index("ix_feedback_form_lecture_id", "feedback_form", ["lecture_id"], unique=False)
    op.create_index("ix_feedback_form_series_id", "feedback_form", ["series_id"], unique=False)
    op.create_table(
        "feedback_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.Integer(), nullable=True),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("rating >= 1 AND rating <= 5", name=op.f("ck_feedback_answer_rating")),
        sa.ForeignKeyConstraint(
            ["form_id"], ["feedback_form.id"], name=op.f("fk_feedback_answer_form_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_feedback_answer_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_feedback_answer_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_answer")),
        sa.UniqueConstraint("lecture_id", "person_id", name="uq_feedback_answer_lecture_id_person_id"),
    )
    op.create_index(op.f("ix_feedback_answer_person_id"), "feedback_answer", ["person_id"], unique=False)
    op.create_table(
        "hidden_comment",
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hidden_by", sa.Integer(), nullable=True),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["feedback_answer.id"], name=op.f("fk_hidden_comment_answer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("answer_id", "key", name=op.f("pk_hidden_comment")),
    )


def downgrade() -> None:
    op.drop_table("hidden_comment")
    op.drop_table("feedback_answer")
    op.drop_table("feedback_form")
