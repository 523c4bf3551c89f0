"""The comparison of many people by blocks: who is in it, and how far it is."""

import sqlalchemy as sa
from alembic import op

revision = "b7e2f4a9c610"
down_revision = "b7e4c2d9a610"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "block_comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_block", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block_comparison")),
    )
    op.add_column(
        "person_to_compare", sa.Column("is_in_blocks", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("person_to_compare", "is_in_blocks")
    op.drop_table("block_comparison")
