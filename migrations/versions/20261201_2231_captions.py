"""Captions of recordings, one row for each language."""

import sqlalchemy as sa
from alembic import op

revision = "b61c0f7e29d4"
down_revision = "f3b8e5a10c47"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "caption_track",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("cues", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["stream.id"], name=op.f("fk_caption_track_stream_id_stream"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_caption_track")),
        sa.UniqueConstraint("stream_id", "language", name=op.f("uq_caption_track_stream_id_language")),
    )


def downgrade() -> None:
    op.drop_table("caption_track")
