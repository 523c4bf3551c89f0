"""Jobs that start later, and jobs that somebody stopped."""

import sqlalchemy as sa
from alembic import op

revision = "f2c6b8d41a93"
down_revision = "e4a7c91d2b06"
branch_labels = None
depends_on = None

BEFORE = "state IN ('queued', 'running', 'done', 'failed')"
AFTER = "state IN ('queued', 'running', 'done', 'failed', 'stopped')"


def upgrade() -> None:
    with op.batch_alter_table("job") as table:
        table.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        table.drop_constraint(op.f("ck_job_jobstate"), type_="check")
        table.create_check_constraint(op.f("ck_job_jobstate"), AFTER)


def downgrade() -> None:
    op.execute("UPDATE job SET state = 'failed', error = 'stopped' WHERE state = 'stopped'")
    with op.batch_alter_table("job") as table:
        table.drop_constraint(op.f("ck_job_jobstate"), type_="check")
        table.create_check_constraint(op.f("ck_job_jobstate"), BEFORE)
        table.drop_column("due_at")
