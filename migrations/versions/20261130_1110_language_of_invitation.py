"""The language in which a nominee is invited."""

import sqlalchemy as sa
from alembic import op

revision = "c3f8b1d6e742"
down_revision = "b7e2f4a9c610"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("nomination", sa.Column("language", sa.String(length=16), nullable=True))


def downgrade() -> None:
    op.drop_column("nomination", "language")
