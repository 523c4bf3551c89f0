"""Decisions on several nominations together."""

import sqlalchemy as sa
from alembic import op

revision = "d4c7a1e90b35"
down_revision = "d4e2f6a7b801"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decision_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column(
            "decision",
            sa.Enum("approve", "reject", name="decision", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
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
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_decision_batch_confirmed_by")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_decision_batch_made_by")),
        sa.ForeignKeyConstraint(["undo_by"], ["person.id"], name=op.f("fk_decision_batch_undo_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_decision_batch_public_id")),
    )
    op.create_table(
        "decision_batch_entry",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("nomination_id", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending", "changed", "taken_back", "withdrawn", "enrolled", "decided", "over", "answered", "no_seat",
                "again", "erased", "ended",
                name="decidedstate", native_enum=False, create_constraint=True, length=32,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["decision_batch.id"], name=op.f("fk_decision_batch_entry_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["nomination_id"], ["nomination.id"], name=op.f("fk_decision_batch_entry_nomination_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "nomination_id", name=op.f("pk_decision_batch_entry")),
    )  # fmt: skip
    op.create_index(
        "ix_decision_batch_entry_batch_id_state", "decision_batch_entry", ["batch_id", "state"], unique=False
    )


def downgrade() -> None:
    op.drop_table("decision_batch_entry")
    op.drop_table("decision_batch")
