"""Decisions about many enrolments together."""

import sqlalchemy as sa
from alembic import op

revision = "d4e2f6a7b801"
down_revision = "d1a7c0de0001"
branch_labels = None
depends_on = None


STATUS = sa.Enum(
    "applied", "waitlisted", "enrolled", "rejected", "withdrawn",
    name="enrolmentstatus", native_enum=False, create_constraint=True, length=32,
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "enrolment_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("status", STATUS, nullable=False),
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
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_enrolment_batch_confirmed_by")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_enrolment_batch_made_by")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_enrolment_batch_series_id")),
        sa.ForeignKeyConstraint(["undo_by"], ["person.id"], name=op.f("fk_enrolment_batch_undo_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_enrolment_batch_public_id")),
    )
    op.create_index(op.f("ix_enrolment_batch_series_id"), "enrolment_batch", ["series_id"], unique=False)

    op.create_table(
        "enrolment_batch_entry",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("before", STATUS, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("has_place", sa.Boolean(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending", "changed", "gone", "stale", "taken_back", "kept",
                name="entrystate", native_enum=False, create_constraint=True, length=32,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["enrolment_batch.id"], name=op.f("fk_enrolment_batch_entry_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_enrolment_batch_entry_enrolment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "enrolment_id", name=op.f("pk_enrolment_batch_entry")),
    )  # fmt: skip
    op.create_index(
        "ix_enrolment_batch_entry_batch_id_state", "enrolment_batch_entry", ["batch_id", "state"], unique=False
    )


def downgrade() -> None:
    op.drop_table("enrolment_batch_entry")
    op.drop_table("enrolment_batch")
