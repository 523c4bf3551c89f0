"""Stamps for the series of older data folders, so that what is read of them is kept in memory too."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "e04b7c92d615"
down_revision = "7f3c52b8e190"
branch_labels = None
depends_on = None

STAMP = sa.table("stamp", sa.column("kind"), sa.column("of_id"), sa.column("value"))
KINDS = {"registrations": "enrolment", "awards": "award"}


def upgrade() -> None:
    connection = op.get_bind()
    for kind, table in KINDS.items():
        rows = sa.table(table, sa.column("series_id"))
        stamped = sa.select(STAMP.c.of_id).where(STAMP.c.kind == kind)
        query = sa.select(rows.c.series_id).where(rows.c.series_id.not_in(stamped)).distinct()
        found = [{"kind": kind, "of_id": id_, "value": secrets.randbits(62)} for id_ in connection.scalars(query)]
        if found:
            op.bulk_insert(STAMP, found)


def downgrade() -> None:
    """What stamps stand for is not changed by them: they may stay."""
