"""What a certificate shows beside what was earned: organiser, language, country, address."""

import sqlalchemy as sa
from alembic import op

revision = "a3d81f60c74e"
down_revision = "c92e4a7d10b5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("certificate", sa.Column("organiser", sa.Text(), nullable=True))
    op.add_column("certificate", sa.Column("language", sa.String(35), nullable=True))
    op.add_column("certificate", sa.Column("country", sa.String(8), nullable=True))
    op.add_column("certificate", sa.Column("base_url", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("certificate") as table:
        table.drop_column("base_url")
        table.drop_column("country")
        table.drop_column("language")
        table.drop_column("organiser")
