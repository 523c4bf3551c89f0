"""The figures that a dossier began with, kept beside its file, so that a later one can say what changed."""

import sqlalchemy as sa
from alembic import op

revision = "a7d3f0c96b15"
down_revision = "c47e9a1f83d0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("snapshot_dossier", sa.Column("figures", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("snapshot_dossier", "figures")
