"""Streams of lectures that are given in the browser."""

import sqlalchemy as sa
from alembic import op

revision = "b2c4d6e8f0a1"
down_revision = "a1f0c3d2b4e6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column(
            "track",
            sa.Enum("main", "rehearsal", name="track", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "open", "ended", "complete", name="streamstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_stream_lecture_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream")),
        sa.UniqueConstraint("lecture_id", "track", name=op.f("uq_stream_lecture_id_track")),
        sa.UniqueConstraint("public_id", name=op.f("uq_stream_public_id")),
    )
    op.create_table(
        "stream_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("chunk_count", sa.Integer(), nullable=True),
        sa.Column("packaged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_unreadable", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("are_chunks_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["stream.id"], name=op.f("fk_stream_session_stream_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_session")),
        sa.UniqueConstraint("public_id", name=op.f("uq_stream_session_public_id")),
    )
    op.create_index("ix_stream_session_packaged_at", "stream_session", ["packaged_at"], unique=False)
    op.create_index(op.f("ix_stream_session_stream_id"), "stream_session", ["stream_id"], unique=False)
    op.create_index(
        "uq_stream_session_open",
        "stream_session",
        ["stream_id"],
        unique=True,
        sqlite_where=sa.text("stopped_at IS NULL"),
        postgresql_where=sa.text("stopped_at IS NULL"),
    )
    op.create_table(
        "stream_epoch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("durations", sa.JSON(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("resume_chunk", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["stream_session.id"], name=op.f("fk_stream_epoch_session_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["stream.id"], name=op.f("fk_stream_epoch_stream_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_epoch")),
        sa.UniqueConstraint("stream_id", "number", name=op.f("uq_stream_epoch_stream_id_number")),
    )
    op.create_index(op.f("ix_stream_epoch_session_id"), "stream_epoch", ["session_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_stream_epoch_session_id"), table_name="stream_epoch")
    op.drop_table("stream_epoch")
    op.drop_index(
        "uq_stream_session_open",
        table_name="stream_session",
        sqlite_where=sa.text("stopped_at IS NULL"),
        postgresql_where=sa.text("stopped_at IS NULL"),
    )
    op.drop_index(op.f("ix_stream_session_stream_id"), table_name="stream_session")
    op.drop_index("ix_stream_session_packaged_at", table_name="stream_session")
    op.drop_table("stream_session")
    op.drop_table("stream")
