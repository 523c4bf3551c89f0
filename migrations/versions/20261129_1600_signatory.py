"""Who signs certificates with the built-in design."""

import sqlalchemy as sa
from alembic import op

revision = "d4b8f03a92c6"
down_revision = "c39e1f7a5d80"
branch_labels = None
depends_on = None

COLUMNS = ("signatory", "signatory_office")


def upgrade() -> None:
    with op.batch_alter_table("certificate") as table:
        for name in COLUMNS:
            table.add_column(sa.Column(name, sa.String(length=80), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("certificate") as table:
        for name in reversed(COLUMNS):
            table.drop_column(name)
