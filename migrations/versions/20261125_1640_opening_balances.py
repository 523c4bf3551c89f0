"""Opening balances: sessions from before the system, as aggregates."""

import sqlalchemy as sa
from alembic import op

revision = "8f40d2b6e1c5"
down_revision = "5d7a1f0e62c8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opening_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("declared_participants", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("declared_participants >= 0", name=op.f("ck_opening_set_declared")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_set")),
        sa.UniqueConstraint("public_id", name=op.f("uq_opening_set_public_id")),
    )
    op.create_table(
        "opening_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("title_key", sa.String(length=600), nullable=False),
        sa.Column("series_name", sa.String(length=300), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("country_code", sa.String(length=8), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=True),
        sa.Column("attendances", sa.Integer(), nullable=False),
        sa.CheckConstraint("attendances >= 0", name=op.f("ck_opening_row_attendances")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_opening_row_country_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_opening_row_series_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["set_id"], ["opening_set.id"], name=op.f("fk_opening_row_set_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_row")),
        sa.UniqueConstraint("day", "title_key", "country_code", name=op.f("uq_opening_row_day_title_key_country_code")),
    )
    with op.batch_alter_table("opening_row", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_opening_row_set_id"), ["set_id"], unique=False)
    # The kept public figures say nothing of opening balances: they are counted anew when they are next asked for
    op.execute("DELETE FROM public_answer")
    op.execute("DELETE FROM public_figures")


def downgrade() -> None:
    with op.batch_alter_table("opening_row", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_opening_row_set_id"))
    op.drop_table("opening_row")
    op.drop_table("opening_set")
