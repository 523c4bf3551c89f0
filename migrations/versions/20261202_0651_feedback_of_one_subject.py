"""Feedback is about a lecture or a series: one of both, whose row deletes it."""

import sqlalchemy as sa
from alembic import op

revision = "c47f6b0d5e28"
down_revision = "b36e5a9c4d17"
branch_labels = None
depends_on = None

ONE = (
    "CASE WHEN lecture_id IS NULL THEN 0 ELSE 1 END + CASE WHEN series_id IS NULL THEN 0 ELSE 1 END"
    " + CASE WHEN about_series_id IS NULL THEN 0 ELSE 1 END = 1"
)


def upgrade() -> None:
    op.add_foreign_key_online(
        "fk_feedback_form_about_series_id", "feedback_form", "series", ["about_series_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index_online("ix_feedback_form_about_series_id", "feedback_form", ["about_series_id"])
    op.widen_check_online("ck_feedback_form_of_one", "feedback_form", ONE)
    op.add_foreign_key_online(
        "fk_feedback_answer_series_id", "feedback_answer", "series", ["series_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index_online(
        "uq_feedback_answer_series_id_person_id", "feedback_answer", ["series_id", "person_id"], unique=True
    )
    op.drop_not_null_online("feedback_answer", "lecture_id", sa.Integer())
    op.add_check_online("ck_feedback_answer_of_one", "feedback_answer", "(lecture_id IS NULL) != (series_id IS NULL)")


def downgrade() -> None:
    op.execute("DELETE FROM feedback_answer WHERE lecture_id IS NULL")
    op.execute("DELETE FROM feedback_form WHERE about_series_id IS NOT NULL")
    with op.batch_alter_table("feedback_answer") as table:
        table.drop_constraint(op.f("ck_feedback_answer_of_one"), type_="check")
        table.alter_column("lecture_id", existing_type=sa.Integer(), nullable=False)
        table.drop_index("uq_feedback_answer_series_id_person_id")
        table.drop_constraint(op.f("fk_feedback_answer_series_id"), type_="foreignkey")
    with op.batch_alter_table("feedback_form") as table:
        table.drop_constraint(op.f("ck_feedback_form_of_one"), type_="check")
        table.create_check_constraint(
            op.f("ck_feedback_form_of_one"), sa.text("(lecture_id IS NULL) != (series_id IS NULL)")
        )
        table.drop_index("ix_feedback_form_about_series_id")
        table.drop_constraint(op.f("fk_feedback_form_about_series_id"), type_="foreignkey")
