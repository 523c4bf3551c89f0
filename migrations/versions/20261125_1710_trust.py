"""Keys, status lists, and what a certificate keeps of its badge.

Certificates issued before get their badges when the installation is brought up to date.
"""

import sqlalchemy as sa
from alembic import op

revision = "5d7a1f0e62c8"
down_revision = "5b1e0c94d2a7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("public_jwk", sa.JSON(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("kid", name=op.f("uq_signing_key_kid")),
    )
    op.create_table(
        "status_list",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_status_list")),
    )
    with op.batch_alter_table("certificate") as table:
        table.add_column(sa.Column("credential", sa.Text(), nullable=True))
        table.add_column(sa.Column("status_list", sa.Integer(), nullable=True))
        table.add_column(sa.Column("status_index", sa.Integer(), nullable=True))
        table.add_column(sa.Column("signing_kid", sa.String(length=64), nullable=True))
        table.create_foreign_key(op.f("fk_certificate_status_list"), "status_list", ["status_list"], ["number"])
        table.create_foreign_key(op.f("fk_certificate_signing_kid"), "signing_key", ["signing_kid"], ["kid"])
        table.create_unique_constraint(op.f("uq_certificate_status_list_status_index"), ["status_list", "status_index"])


def downgrade() -> None:
    with op.batch_alter_table("certificate") as table:
        table.drop_constraint(op.f("uq_certificate_status_list_status_index"), type_="unique")
        table.drop_constraint(op.f("fk_certificate_signing_kid"), type_="foreignkey")
        table.drop_constraint(op.f("fk_certificate_status_list"), type_="foreignkey")
        table.drop_column("signing_kid")
        table.drop_column("status_index")
        table.drop_column("status_list")
        table.drop_column("credential")
    op.drop_table("status_list")
    op.drop_table("signing_key")
