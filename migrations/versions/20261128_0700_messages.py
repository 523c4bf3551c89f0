"""Messages to people enrolled in a series."""

import sqlalchemy as sa
from alembic import op

revision = "b81f4c0d5e27"
down_revision = "a91e4c7d2f58"
branch_labels = None
depends_on = None

AUDIENCE = sa.Enum(
    "everyone", "attended", "partial", "absent", "short",
    name="audience", native_enum=False, create_constraint=True, length=32,
)  # fmt: skip
STATE = sa.Enum(
    "draft", "waiting", "sending", "sent", "stopped",
    name="messagestate", native_enum=False, create_constraint=True, length=32,
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("audience", AUDIENCE, nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=True),
        sa.Column("country", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("sender_id", sa.Integer(), nullable=True),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("posted_to", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_message_lecture_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_message_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("public_id", name=op.f("uq_message_public_id")),
    )
    op.create_index(op.f("ix_message_series_id"), "message", ["series_id"], unique=False)
    op.create_index("ix_message_state", "message", ["state", "starts_at"], unique=False)


def downgrade() -> None:
    op.drop_table("message")
