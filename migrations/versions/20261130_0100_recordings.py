"""Recordings: trimmed, with chapters, uploaded, and deleted by age."""

import sqlalchemy as sa
from alembic import op

revision = "e4d2b8f6a713"
down_revision = "c7e1a9d3f5b2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("stream") as table:
        table.add_column(sa.Column("is_uploaded", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("trim_from_ms", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("trim_until_ms", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("chapters", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
        table.add_column(sa.Column("byte_count", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("is_kept", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("deletion_announced_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "stream_source_file",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("length_ms", sa.BigInteger(), nullable=True),
        sa.Column("has_video", sa.Boolean(), nullable=False),
        sa.Column(
            "failure",
            sa.Enum(
                "unreadable",
                "ends_early",
                name="sourcefailure",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["stream_session.id"],
            name=op.f("fk_stream_source_file_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_stream_source_file")),
    )


def downgrade() -> None:
    op.drop_table("stream_source_file")
    with op.batch_alter_table("stream") as table:
        for name in (
            "deletion_announced_at",
            "is_kept",
            "byte_count",
            "chapters",
            "trim_until_ms",
            "trim_from_ms",
            "is_uploaded",
        ):
            table.drop_column(name)
