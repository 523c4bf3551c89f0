"""Corrections of several people together."""

import sqlalchemy as sa
from alembic import op

revision = "b2c1d4e5f601"
down_revision = "c3f2e5d6a7b8"
branch_labels = None
depends_on = None

OUTCOME = sa.Enum(
    "attended", "partial", "absent", "excused", name="outcome", native_enum=False, create_constraint=True, length=32
)


def upgrade() -> None:
    op.create_table(
        "correction_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("outcome", OUTCOME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("same", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_by", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_correction_batch_confirmed_by")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_correction_batch_lecture_id")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_correction_batch_made_by")),
        sa.ForeignKeyConstraint(["undo_by"], ["person.id"], name=op.f("fk_correction_batch_undo_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_correction_batch_public_id")),
    )
    op.create_index(op.f("ix_correction_batch_lecture_id"), "correction_batch", ["lecture_id"], unique=False)

    op.create_table(
        "correction_batch_entry",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("before_outcome", OUTCOME, nullable=False),
        sa.Column("before_id", sa.Integer(), nullable=True),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending", "changed", "gone", "stale", "taken_back", "kept",
                name="entrystate", native_enum=False, create_constraint=True, length=32,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["correction_batch.id"], name=op.f("fk_correction_batch_entry_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["before_id"], ["correction.id"], name=op.f("fk_correction_batch_entry_before_id")),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["correction.id"], name=op.f("fk_correction_batch_entry_correction_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_correction_batch_entry_person_id")),
        sa.PrimaryKeyConstraint("batch_id", "person_id", name=op.f("pk_correction_batch_entry")),
    )  # fmt: skip
    op.create_index(
        "ix_correction_batch_entry_batch_id_state", "correction_batch_entry", ["batch_id", "state"], unique=False
    )


def downgrade() -> None:
    op.drop_table("correction_batch_entry")
    op.drop_table("correction_batch")
