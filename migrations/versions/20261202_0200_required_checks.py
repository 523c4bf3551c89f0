"""How many knowledge checks the certificate required when the enrolled were last informed."""

import sqlalchemy as sa
from alembic import op

revision = "d4b8e1f6a273"
down_revision = "c7d2e8f41a96"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enrolment", sa.Column("required_checks", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("enrolment", "required_checks")
