"""Texts of series, lectures and speakers in several languages."""

import sqlalchemy as sa
from alembic import op

revision = "b7e4c2d9a610"
down_revision = "a9d3c5e7f104"
branch_labels = None
depends_on = None

TABLES = ("series", "lecture", "speaker")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("text_language", sa.String(length=16), nullable=True))
        op.add_column(table, sa.Column("translations", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "translations")
        op.drop_column(table, "text_language")
