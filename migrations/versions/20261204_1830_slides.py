"""Slides: PDF files whose pages are shown in lectures, and when each page was turned to."""

import sqlalchemy as sa
from alembic import op

revision = "e94b07d3c1a8"
down_revision = "c47f6b0d5e28"
branch_labels = None
depends_on = None


def _names(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "slide_deck",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("state", _names("deckstate", "waiting", "ready", "refused"), nullable=False),
        sa.Column("problem", _names("deckproblem", "too_long", "locked", "unreadable"), nullable=True),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("page_count >= 0", name=op.f("ck_slide_deck_page_count")),
        sa.CheckConstraint("(state = 'refused') = (problem IS NOT NULL)", name=op.f("ck_slide_deck_problem")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_slide_deck_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["lecture_file.id"], name=op.f("fk_slide_deck_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slide_deck")),
        sa.UniqueConstraint("file_id", name=op.f("uq_slide_deck_file_id")),
        sa.UniqueConstraint("version", name=op.f("uq_slide_deck_version")),
    )
    op.create_index("ix_slide_deck_lecture_id", "slide_deck", ["lecture_id"])
    op.create_table(
        "slide_turn",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deck_id", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.CheckConstraint("page >= 0", name=op.f("ck_slide_turn_page")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_slide_turn_lecture_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["deck_id"], ["slide_deck.id"], name=op.f("fk_slide_turn_deck_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("lecture_id", "at_ms", name=op.f("pk_slide_turn")),
    )
    op.create_index(op.f("ix_slide_turn_deck_id"), "slide_turn", ["deck_id"])


def downgrade() -> None:
    op.drop_table("slide_turn")
    op.drop_table("slide_deck")
