"""Files of copied lectures share their content."""

import sqlalchemy as sa
from alembic import op

revision = "5b0e1d9c7a42"
down_revision = "a7d3f0c25e18"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("lecture_file") as table:
        table.add_column(sa.Column("content_of", sa.String(length=32), nullable=True))
    op.create_index("ix_lecture_file_content_of", "lecture_file", ["content_of"])


def downgrade() -> None:
    op.drop_index("ix_lecture_file_content_of", table_name="lecture_file")
    with op.batch_alter_table("lecture_file") as table:
        table.drop_column("content_of")
