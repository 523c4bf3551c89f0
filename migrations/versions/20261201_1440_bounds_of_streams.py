"""Lengths of recordings, and what bounds the sessions of streams."""

import sqlalchemy as sa
from alembic import op

revision = "b7c41e9d2a60"
down_revision = "e8a1d4c7b953"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stream", sa.Column("length_ms", sa.BigInteger(), nullable=True))
    op.add_column("stream_session", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("stream_session", sa.Column("byte_count", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("stream_session", sa.Column("last_chunk", sa.Integer(), nullable=True))
    op.add_column("stream_epoch", sa.Column("resume_offset", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("stream_epoch", "resume_offset")
    op.drop_column("stream_session", "last_chunk")
    op.drop_column("stream_session", "byte_count")
    op.drop_column("stream_session", "failures")
    op.drop_column("stream", "length_ms")
