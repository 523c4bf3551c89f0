"""The language of the title on a certificate."""

import sqlalchemy as sa
from alembic import op

revision = "d4b7f2a96c13"
down_revision = "c3f8b1d6e742"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("certificate", sa.Column("title_language", sa.String(35), nullable=True))


def downgrade() -> None:
    op.drop_column("certificate", "title_language")
