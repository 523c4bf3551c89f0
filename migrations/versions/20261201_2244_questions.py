"""Questions of lectures, votes for them, and raised hands."""

import sqlalchemy as sa
from alembic import op

revision = "a4e1c9d7b208"
down_revision = "b7c3e9d1a264"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "discussion_settings",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("takes_questions", sa.Boolean(), nullable=False),
        sa.Column("allows_anonymous", sa.Boolean(), nullable=False),
        sa.Column("is_reviewed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_discussion_settings_lecture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lecture_id", name=op.f("pk_discussion_settings")),
    )
    op.create_table(
        "question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("is_anonymous", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "open",
                "answered",
                "hidden",
                name="questionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_question_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["question.id"], name=op.f("fk_question_merged_into_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_question_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
    )
    op.create_index("ix_question_lecture_id_state", "question", ["lecture_id", "state"])
    op.create_index(op.f("ix_question_merged_into_id"), "question", ["merged_into_id"])
    op.create_index(op.f("ix_question_person_id"), "question", ["person_id"])
    op.create_table(
        "question_vote",
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_question_vote_person_id")),
        sa.ForeignKeyConstraint(
            ["question_id"], ["question.id"], name=op.f("fk_question_vote_question_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("question_id", "person_id", name=op.f("pk_question_vote")),
    )
    op.create_index(op.f("ix_question_vote_person_id"), "question_vote", ["person_id"])
    op.create_table(
        "raised_hand",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_raised_hand_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_raised_hand_person_id")),
        sa.PrimaryKeyConstraint("lecture_id", "person_id", name=op.f("pk_raised_hand")),
        sa.UniqueConstraint("public_id", name=op.f("uq_raised_hand_public_id")),
    )
    op.create_index(op.f("ix_raised_hand_person_id"), "raised_hand", ["person_id"])


def downgrade() -> None:
    op.drop_table("raised_hand")
    op.drop_table("question_vote")
    op.drop_table("question")
    op.drop_table("discussion_settings")
