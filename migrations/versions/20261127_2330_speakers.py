"""Speakers of lectures."""

import sqlalchemy as sa
from alembic import op

revision = "c3f2e5d6a7b8"
down_revision = "c4a71e90d2b8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sorted_text = sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql")
    op.create_table(
        "speaker",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column("native_name", sa.String(length=200), nullable=True),
        sa.Column("position", sa.String(length=200), nullable=True),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("name_key", sorted_text, nullable=False),
        sa.Column("picture", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_speaker")),
        sa.UniqueConstraint("public_id", name=op.f("uq_speaker_public_id")),
    )
    op.create_index(op.f("ix_speaker_name_key"), "speaker", ["name_key"], unique=False)
    op.create_table(
        "lecture_speaker",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("speaker_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_speaker_lecture_id_lecture"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["speaker_id"], ["speaker.id"], name=op.f("fk_lecture_speaker_speaker_id_speaker"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lecture_id", "speaker_id", name=op.f("pk_lecture_speaker")),
    )
    op.create_index("ix_lecture_speaker_speaker_id", "lecture_speaker", ["speaker_id"], unique=False)


def downgrade() -> None:
    op.drop_table("lecture_speaker")
    op.drop_table("speaker")
