"""Country dossiers that were attached to published reports."""

import sqlalchemy as sa
from alembic import op

revision = "3f9a61c7b2d8"
down_revision = "c41d8be7a903"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snapshot_dossier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_snapshot_dossier_country_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_snapshot_dossier_snapshot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot_dossier")),
        sa.UniqueConstraint("snapshot_id", "country_id", name=op.f("uq_snapshot_dossier_snapshot_id_country_id")),
    )


def downgrade() -> None:
    op.drop_table("snapshot_dossier")
