"""The tab that began a session of a stream."""

import sqlalchemy as sa
from alembic import op

revision = "d4a81c0e6b57"
down_revision = "d4b8e1f6a273"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stream_session", sa.Column("page", sa.String(36), nullable=True))


def downgrade() -> None:
    op.drop_column("stream_session", "page")
