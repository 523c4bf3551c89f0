"""Spans of places that were held before, and rows that a merge set aside."""

import sqlalchemy as sa
from alembic import op

revision = "3c6911323ad5"
down_revision = "6722790129e0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolment_set_aside",
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "applied",
                "waitlisted",
                "enrolled",
                "rejected",
                "withdrawn",
                name="enrolmentstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_enrolment_set_aside_enrolment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("enrolment_id", name=op.f("pk_enrolment_set_aside")),
    )
    op.create_table(
        "enrolment_span",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_enrolment_span_enrolment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_span")),
    )
    with op.batch_alter_table("enrolment_span", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrolment_span_enrolment_id"), ["enrolment_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("enrolment_span", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrolment_span_enrolment_id"))

    op.drop_table("enrolment_span")
    op.drop_table("enrolment_set_aside")
