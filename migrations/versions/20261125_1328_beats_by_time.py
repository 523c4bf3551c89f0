"""An index on when a beat was received: who is in the room is asked every few seconds."""

from alembic import op

revision = "b7d20f4c91ae"
down_revision = "3c6911323ad5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("beat", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_beat_received_ms"), ["received_ms"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("beat", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_beat_received_ms"))
