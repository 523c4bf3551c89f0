"""What registrations and awards of a series were counted as, under its stamp."""

import sqlalchemy as sa
from alembic import op

revision = "e91b57d4c083"
down_revision = "5e0c7d92ab46"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_deeds",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_kept_deeds_series_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("kind", "series_id", name=op.f("pk_kept_deeds")),
    )


def downgrade() -> None:
    op.drop_table("kept_deeds")
