"""What the certificate required when a person was last informed."""

import sqlalchemy as sa
from alembic import op

revision = "a81d5c3e7f24"
down_revision = "f2c6b8d41a93"
branch_labels = None
depends_on = None

COLUMNS = ("required_lectures", "required_minutes", "required_percent")


def upgrade() -> None:
    with op.batch_alter_table("enrolment") as table:
        for name in COLUMNS:
            table.add_column(sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("enrolment") as table:
        for name in reversed(COLUMNS):
            table.drop_column(name)
