"""The country that a person had when a certificate was first issued; so far it was read from the person's history."""

import sqlalchemy as sa
from alembic import op

revision = "c59a1b7d4e20"
down_revision = "d93c70be51f4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("award") as award:
        award.add_column(sa.Column("awarded_country_id", sa.Integer(), nullable=True))
        award.create_foreign_key(op.f("fk_award_awarded_country_id_country"), "country", ["awarded_country_id"], ["id"])
    op.execute(
        """
        UPDATE award SET awarded_country_id = (
            SELECT history.country_id
            FROM person_country AS history
            JOIN person AS member ON member.id = history.person_id
            JOIN person AS holder ON holder.canonical_id = member.canonical_id
            WHERE holder.id = award.person_id AND history.since <= (
                SELECT MIN(certificate.issued_on) FROM certificate WHERE certificate.award_id = award.id
            )
            ORDER BY CASE WHEN member.id = member.canonical_id THEN 1 ELSE 0 END DESC, history.since DESC,
                history.id DESC
            LIMIT 1
        )
        """
    )


def downgrade() -> None:
    with op.batch_alter_table("award") as award:
        award.drop_constraint(op.f("fk_award_awarded_country_id_country"), type_="foreignkey")
        award.drop_column("awarded_country_id")
