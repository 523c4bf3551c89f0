"""From which main text each translation was written."""

import sqlalchemy as sa
from alembic import op

revision = "e8a1d4c7b953"
down_revision = "d4b7f2a96c13"
branch_labels = None
depends_on = None

TABLES = ("series", "lecture", "speaker")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("translated_from", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "translated_from")
