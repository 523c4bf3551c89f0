"""Replays that are watched for credit, and since when a recording can be watched."""

import sqlalchemy as sa
from alembic import op

revision = "c7e1a9d3f5b2"
down_revision = "c3d5e7f9a1b2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replay_viewing",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("spans", sa.JSON(), nullable=False),
        sa.Column("played_ms", sa.BigInteger(), nullable=False),
        sa.Column("reported_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("uncredited_since_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_replay_viewing_lecture_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_replay_viewing_person_id")),
        sa.PrimaryKeyConstraint("lecture_id", "person_id", name=op.f("pk_replay_viewing")),
    )
    op.create_index(op.f("ix_replay_viewing_person_id"), "replay_viewing", ["person_id"], unique=False)
    op.create_index(
        op.f("ix_replay_viewing_uncredited_since_ms"), "replay_viewing", ["uncredited_since_ms"], unique=False
    )
    op.add_column("stream", sa.Column("available_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("stream", "available_at")
    op.drop_index(op.f("ix_replay_viewing_uncredited_since_ms"), table_name="replay_viewing")
    op.drop_index(op.f("ix_replay_viewing_person_id"), table_name="replay_viewing")
    op.drop_table("replay_viewing")
