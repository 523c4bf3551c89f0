"""Merges of countries, texts for the people of a country, and their entries in the ledger of seats."""

import sqlalchemy as sa
from alembic import op

revision = "c52a14e0b6d1"
down_revision = "9b1e7d3c5f20"
branch_labels = None
depends_on = None

BEFORE = [
    "enrolled", "nominated", "accepted", "promoted", "released", "restored", "withdrawn", "declined", "refused",
    "expired", "superseded", "erased", "quota_set", "quota_released",
]  # fmt: skip


def _reasons(reasons: list[str]) -> None:
    listed = ", ".join(f"'{reason}'" for reason in reasons)
    with op.batch_alter_table("seat_entry") as table:
        table.drop_constraint(op.f("ck_seat_entry_seatreason"), type_="check")
        table.create_check_constraint(op.f("ck_seat_entry_seatreason"), f"why IN ({listed})")


def upgrade() -> None:
    with op.batch_alter_table("country") as table:
        table.add_column(sa.Column("notices", sa.JSON(), server_default="{}", nullable=False))
        table.add_column(sa.Column("merged_into_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_country_merged_into_id"), "country", ["merged_into_id"], ["id"])
    op.create_index(op.f("ix_country_merged_into_id"), "country", ["merged_into_id"])
    op.create_table(
        "country_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kept_id", sa.Integer(), nullable=False),
        sa.Column("merged_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["kept_id"], ["country.id"], name=op.f("fk_country_merge_kept_id")),
        sa.ForeignKeyConstraint(["merged_by"], ["person.id"], name=op.f("fk_country_merge_merged_by")),
        sa.ForeignKeyConstraint(["merged_id"], ["country.id"], name=op.f("fk_country_merge_merged_id")),
        sa.ForeignKeyConstraint(["undone_by"], ["person.id"], name=op.f("fk_country_merge_undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_country_merge")),
    )
    op.create_index(op.f("ix_country_merge_kept_id"), "country_merge", ["kept_id"])
    op.create_index(
        "uq_country_merge_active",
        "country_merge",
        ["merged_id"],
        unique=True,
        sqlite_where=sa.text("undone_at IS NULL"),
        postgresql_where=sa.text("undone_at IS NULL"),
    )
    op.create_table(
        "country_move",
        sa.Column("merge_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["merge_id"], ["country_merge.id"], name=op.f("fk_country_move_merge_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merge_id", "what", "row_id", name=op.f("pk_country_move")),
    )
    op.create_index(op.f("ix_enrolment_registered_country_id"), "enrolment", ["registered_country_id"])
    op.create_index(op.f("ix_enrolment_seat_country_id"), "enrolment", ["seat_country_id"])
    _reasons([*BEFORE, "country_merged"])


def downgrade() -> None:
    op.execute("DELETE FROM seat_entry WHERE why = 'country_merged'")
    _reasons(BEFORE)
    op.drop_index(op.f("ix_enrolment_seat_country_id"), table_name="enrolment")
    op.drop_index(op.f("ix_enrolment_registered_country_id"), table_name="enrolment")
    op.drop_table("country_move")
    op.drop_table("country_merge")
    op.drop_index(op.f("ix_country_merged_into_id"), table_name="country")
    with op.batch_alter_table("country") as table:
        table.drop_constraint(op.f("fk_country_merged_into_id"), type_="foreignkey")
        table.drop_column("merged_into_id")
        table.drop_column("notices")
