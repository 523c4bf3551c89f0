"""Facts in columns: of each lecture who attended, of each series who registered and who has an award. They replace
tallies and what was kept of registrations and awards.

Facts of lectures held before are written once this is done, and by the next credits.
"""

import sqlalchemy as sa
from alembic import op

revision = "5b3a1c2f7e60"
down_revision = "e4a7c2916b08"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lecture_facts",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("attendances", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_lecture_facts_lecture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lecture_id", name=op.f("pk_lecture_facts")),
    )
    op.create_table(
        "series_facts",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_facts_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "series_id", name=op.f("pk_series_facts")),
    )
    op.drop_table("kept_deeds")
    op.drop_table("tally")


def downgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_tally_lecture_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("lecture_id", name=op.f("pk_tally")),
    )
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
    op.drop_table("series_facts")
    op.drop_table("lecture_facts")
