"""Files of lectures and their downloads."""

import sqlalchemy as sa
from alembic import op

revision = "b2e1d4c5f6a7"
down_revision = "a1f0c3d2b4e5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lecture_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "enrolled",
                "everyone",
                "afterwards",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "ready",
                "refused",
                name="filestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("finding", sa.String(length=200), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size > 0", name=op.f("ck_lecture_file_size")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_file_lecture_id_lecture"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lecture_file")),
        sa.UniqueConstraint("lecture_id", "digest", name=op.f("uq_lecture_file_lecture_id_digest")),
        sa.UniqueConstraint("public_id", name=op.f("uq_lecture_file_public_id")),
    )
    op.create_index("ix_lecture_file_lecture_id_position", "lecture_file", ["lecture_id", "position"], unique=False)
    op.create_index("ix_lecture_file_state", "lecture_file", ["state"], unique=False)
    op.create_table(
        "file_downloads",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["lecture_file.id"], name=op.f("fk_file_downloads_file_id_lecture_file"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_file_downloads")),
    )


def downgrade() -> None:
    op.drop_table("file_downloads")
    op.drop_table("lecture_file")
