"""Heartbeats of web processes and packagers, with what each process runs with."""

import sqlalchemy as sa
from alembic import op

revision = "c4d8e1f7a2b9"
down_revision = "f1a6c3d8e205"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("worker_heartbeat") as batch:
        batch.add_column(
            sa.Column(
                "kind",
                sa.Enum(
                    "web",
                    "worker",
                    "packager",
                    name="processkind",
                    native_enum=False,
                    create_constraint=True,
                    length=32,
                ),
                server_default="worker",
                nullable=False,
            )
        )
        batch.add_column(sa.Column("clock_ahead_ms", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("facts", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("worker_heartbeat") as batch:
        batch.drop_constraint(op.f("ck_worker_heartbeat_processkind"), type_="check")
        batch.drop_column("facts")
        batch.drop_column("clock_ahead_ms")
        batch.drop_column("kind")
