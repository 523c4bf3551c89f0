"""Polls of lectures and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "c7d2e8f41a96"
down_revision = "a7c1d93e5b20"
branch_labels = None
depends_on = None
_STATES = sa.Enum("draft", "open", "closed", name="pollstate", native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "poll",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("is_several", sa.Boolean(), nullable=False),
        sa.Column("is_shown", sa.Boolean(), nullable=False),
        sa.Column("state", _STATES, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_poll_lecture_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poll")),
    )
    op.create_index("ix_poll_lecture_id", "poll", ["lecture_id"])
    op.create_table(
        "poll_answer",
        sa.Column("poll_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("choices", sa.Integer(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("choices > 0", name=op.f("ck_poll_answer_choices")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_poll_answer_person_id")),
        sa.ForeignKeyConstraint(["poll_id"], ["poll.id"], name=op.f("fk_poll_answer_poll_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("poll_id", "person_id", name=op.f("pk_poll_answer")),
    )
    op.create_index(op.f("ix_poll_answer_person_id"), "poll_answer", ["person_id"])


def downgrade() -> None:
    op.drop_table("poll_answer")
    op.drop_table("poll")
