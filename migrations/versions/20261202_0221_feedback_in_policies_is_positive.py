"""The number of lectures about which a certificate asks for feedback is positive."""

from alembic import op

revision = "e5c92a7f3d48"
down_revision = "d4b81f6e2c37"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_check_online("ck_policy_min_feedback", "policy", "min_feedback > 0")


def downgrade() -> None:
    with op.batch_alter_table("policy") as table:
        table.drop_constraint(op.f("ck_policy_min_feedback"), type_="check")
