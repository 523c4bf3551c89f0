"""What the headings of plain tables mean, as somebody said."""

import sqlalchemy as sa
from alembic import op

revision = "5e0c7d92ab46"
down_revision = "5d1f7a40c3e9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "column_mapping",
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_column_mapping")),
    )


def downgrade() -> None:
    op.drop_table("column_mapping")
