"""Seats kept for countries, how each seat was got, and the ledger of seats."""

import sqlalchemy as sa
from alembic import op

revision = "d5a1c7e2b904"
down_revision = "b2c1d4e5f601"
branch_labels = None
depends_on = None


def kinds() -> sa.Enum:
    return sa.Enum(
        "quota", "open", "released", "by_hand", name="seatkind", native_enum=False, create_constraint=True, length=32
    )


REASONS = sa.Enum(
    "enrolled", "nominated", "accepted", "promoted", "released", "restored", "withdrawn", "declined", "refused",
    "expired", "superseded", "erased", "quota_set", "quota_released",
    name="seatreason", native_enum=False, create_constraint=True, length=32,
)  # fmt: skip
RULES = sa.Enum("rounds", "first_come", name="releaserule", native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    with op.batch_alter_table("series") as table:
        table.add_column(sa.Column("held", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("reserved", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("release_rule", RULES, server_default="rounds", nullable=False))
        table.drop_constraint(op.f("ck_series_seats"), type_="check")
        table.create_check_constraint(op.f("ck_series_seats"), "capacity IS NULL OR taken + reserved <= capacity")
    with op.batch_alter_table("enrolment") as table:
        table.add_column(sa.Column("seat_kind", kinds(), nullable=True))
        table.add_column(sa.Column("seat_country_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_enrolment_seat_country_id"), "country", ["seat_country_id"], ["id"])
    op.create_table(
        "country_quota",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("seats >= 0 AND used >= 0 AND used <= seats", name=op.f("ck_country_quota_used")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_country_quota_country_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_country_quota_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_country_quota")),
        sa.UniqueConstraint("series_id", "country_id", name=op.f("uq_country_quota_series_id_country_id")),
    )
    op.create_index(op.f("ix_country_quota_country_id"), "country_quota", ["country_id"], unique=False)
    op.create_index(
        "ix_country_quota_released_at_kept_until", "country_quota", ["released_at", "kept_until"], unique=False
    )
    op.create_table(
        "seat_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("kind", kinds(), nullable=False),
        sa.Column("why", REASONS, nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("by_person_id", sa.Integer(), nullable=True),
        sa.Column("waited_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.CheckConstraint("change BETWEEN -1 AND 1", name=op.f("ck_seat_entry_change")),
        sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_seat_entry_by_person_id")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_seat_entry_country_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_seat_entry_person_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_seat_entry_series_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_entry")),
    )
    op.create_index(op.f("ix_seat_entry_person_id"), "seat_entry", ["person_id"], unique=False)
    op.create_index("ix_seat_entry_series_id_id", "seat_entry", ["series_id", "id"], unique=False)
    op.execute(
        "UPDATE enrolment SET seat_kind = CASE WHEN source IN ('staff', 'file') THEN 'by_hand' ELSE 'open' END "
        "WHERE status = 'enrolled'"
    )
    op.execute(
        "INSERT INTO seat_entry (series_id, at, change, kind, why, country_id, person_id) "
        "SELECT series_id, COALESCE(enrolled_at, registered_at), 1, seat_kind, 'enrolled', registered_country_id, "
        "person_id FROM enrolment WHERE status = 'enrolled' ORDER BY COALESCE(enrolled_at, registered_at), id"
    )


def downgrade() -> None:
    op.drop_table("seat_entry")
    op.drop_table("country_quota")
    with op.batch_alter_table("enrolment") as table:
        table.drop_constraint(op.f("fk_enrolment_seat_country_id"), type_="foreignkey")
        table.drop_column("seat_country_id")
        table.drop_constraint(op.f("ck_enrolment_seatkind"), type_="check")
        table.drop_column("seat_kind")
    with op.batch_alter_table("series") as table:
        table.drop_constraint(op.f("ck_series_seats"), type_="check")
        table.create_check_constraint(op.f("ck_series_seats"), "capacity IS NULL OR taken <= capacity")
        table.drop_constraint(op.f("ck_series_releaserule"), type_="check")
        table.drop_column("release_rule")
        table.drop_column("reserved")
        table.drop_column("held")
