"""Since when the instructors of a series see the profile of a person enrolled in it."""

import sqlalchemy as sa
from alembic import op

revision = "c58d2e6f1a93"
down_revision = "b7e35a90d2c4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("enrolment") as batch_op:
        batch_op.add_column(sa.Column("profile_shared_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE enrolment SET profile_shared_at = registered_at")


def downgrade() -> None:
    with op.batch_alter_table("enrolment") as batch_op:
        batch_op.drop_column("profile_shared_at")
