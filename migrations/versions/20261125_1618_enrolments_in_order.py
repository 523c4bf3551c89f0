"""An index by which the enrolments of a series are listed in their order."""

from alembic import op

revision = "5b0d3c6e91a4"
down_revision = "5c1e8a0f73d2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_enrolment_series_id_id", "enrolment", ["series_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_enrolment_series_id_id", table_name="enrolment")
