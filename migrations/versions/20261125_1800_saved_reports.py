"""Saved reports, and when and to whom they are sent."""

import sqlalchemy as sa
from alembic import op

revision = "7f3c52b8e190"
down_revision = "3f9a61c7b2d8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=300), nullable=False),
        sa.Column("question", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_saved_report_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_report")),
        sa.UniqueConstraint("owner_id", "name_key", name=op.f("uq_saved_report_owner_id_name_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_saved_report_public_id")),
    )
    op.create_table(
        "report_schedule",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column(
            "rhythm",
            sa.Enum(
                "daily", "weekly", "monthly", "quarterly",
                name="rhythm", native_enum=False, create_constraint=True, length=32,
            ),
            nullable=False,
        ),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_report_schedule_hour")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["saved_report.id"], name=op.f("fk_report_schedule_report_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_report_schedule")),
    )  # fmt: skip
    op.create_table(
        "report_recipient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("unsubscribed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_report_recipient_person_id")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["saved_report.id"], name=op.f("fk_report_recipient_report_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_recipient")),
        sa.UniqueConstraint("report_id", "person_id", name=op.f("uq_report_recipient_report_id_person_id")),
    )
    op.create_index(op.f("ix_report_recipient_person_id"), "report_recipient", ["person_id"])
    op.create_table(
        "unsubscribe_link",
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["report_recipient.id"], name=op.f("fk_unsubscribe_link_recipient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_unsubscribe_link")),
    )
    op.create_index(op.f("ix_unsubscribe_link_recipient_id"), "unsubscribe_link", ["recipient_id"])
    op.create_table(
        "report_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mails", sa.JSON(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["saved_report.id"], name=op.f("fk_report_run_report_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_run")),
        sa.UniqueConstraint("report_id", "day", name=op.f("uq_report_run_report_id_day")),
    )


def downgrade() -> None:
    for table in ("report_run", "unsubscribe_link", "report_recipient", "report_schedule", "saved_report"):
        op.drop_table(table)
