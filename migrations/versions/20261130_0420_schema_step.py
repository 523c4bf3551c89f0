"""The step between two versions of the schema, which the earlier version of the code may still work with."""

import sqlalchemy as sa
from alembic import op

revision = "a9d3c5e7f104"
down_revision = "c4d8e1f7a2b9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schema_step",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("before", sa.String(length=32), nullable=True),
        sa.Column("after", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_step")),
    )


def downgrade() -> None:
    op.drop_table("schema_step")
