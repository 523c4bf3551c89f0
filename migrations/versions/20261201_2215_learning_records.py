"""Learning records: signed statements of what a person attended."""

import sqlalchemy as sa
from alembic import op

revision = "f3b8e5a10c47"
down_revision = "e2a7d4f90b36"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "learning_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_learning_record_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learning_record")),
        sa.UniqueConstraint("number", name=op.f("uq_learning_record_number")),
    )
    op.create_index(op.f("ix_learning_record_person_id"), "learning_record", ["person_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_learning_record_person_id"), table_name="learning_record")
    op.drop_table("learning_record")
