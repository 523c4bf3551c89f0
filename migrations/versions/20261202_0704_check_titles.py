"""Titles of knowledge checks in several languages."""

import sqlalchemy as sa
from alembic import op

revision = "c5e19a3d7f42"
down_revision = "e5c92a7f3d48"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("knowledge_check", sa.Column("text_language", sa.String(16), nullable=True))
    for name in ("translations", "translated_from"):
        op.add_column("knowledge_check", sa.Column(name, sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    for name in ("translated_from", "translations", "text_language"):
        op.drop_column("knowledge_check", name)
