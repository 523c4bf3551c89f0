"""What a policy asks for a certificate, what was asked for each award, and names that their holders confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "8c41d0a6e5f3"
down_revision = "7c20e5d9b3f1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("policy") as table:
        table.add_column(sa.Column("min_lectures", sa.Integer(), nullable=True))
        table.add_column(sa.Column("min_minutes", sa.Integer(), nullable=True))
        table.add_column(sa.Column("deadline", sa.Date(), nullable=True))
        table.add_column(sa.Column("confirmed_names", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.create_check_constraint(op.f("ck_policy_min_lectures"), "min_lectures > 0")
        table.create_check_constraint(op.f("ck_policy_min_minutes"), "min_minutes > 0")
    with op.batch_alter_table("policy") as table:
        table.alter_column("confirmed_names", server_default=None)
    with op.batch_alter_table("award") as table:
        table.add_column(sa.Column("needed", sa.Integer(), nullable=True))
        table.add_column(sa.Column("needed_minutes", sa.Integer(), nullable=True))
    op.add_column("person", sa.Column("name_confirmed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("person", "name_confirmed_at")
    with op.batch_alter_table("award") as table:
        table.drop_column("needed_minutes")
        table.drop_column("needed")
    with op.batch_alter_table("policy") as table:
        table.drop_constraint(op.f("ck_policy_min_minutes"), type_="check")
        table.drop_constraint(op.f("ck_policy_min_lectures"), type_="check")
        table.drop_column("confirmed_names")
        table.drop_column("deadline")
        table.drop_column("min_minutes")
        table.drop_column("min_lectures")
