"""Designs of certificates: under a name, in versions, and which of them a series chose."""

import sqlalchemy as sa
from alembic import op

revision = "c41d8be7a903"
down_revision = "8c41d0a6e5f3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "design_family",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_design_family")),
        sa.UniqueConstraint("name", name=op.f("uq_design_family_name")),
    )
    op.create_table(
        "certificate_design",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("family_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["family_id"], ["design_family.id"], name=op.f("fk_certificate_design_family_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_design")),
        sa.UniqueConstraint("version", name=op.f("uq_certificate_design_version")),
    )
    op.create_index(op.f("ix_certificate_design_family_id"), "certificate_design", ["family_id"])
    op.create_table(
        "series_design",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("family_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["family_id"], ["design_family.id"], name=op.f("fk_series_design_family_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_design_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_series_design")),
    )


def downgrade() -> None:
    op.drop_table("series_design")
    op.drop_table("certificate_design")
    op.drop_table("design_family")
