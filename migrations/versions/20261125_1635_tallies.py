"""Tallies: who attended each lecture, ready to be counted; and stamps of what is kept in memory.

Tallies of lectures held before are made once this is done, and by the next credits.
"""

import sqlalchemy as sa
from alembic import op

revision = "5b1e0c94d2a7"
down_revision = "5b0d3c6e91a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        "stamp",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("of_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "of_id", name=op.f("pk_stamp")),
    )


def downgrade() -> None:
    op.drop_table("stamp")
    op.drop_table("tally")
