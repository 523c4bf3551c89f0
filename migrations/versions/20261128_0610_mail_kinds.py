"""Kinds of mail, and which of them people want."""

import sqlalchemy as sa
from alembic import op

revision = "c2a58f06e713"
down_revision = "d4c7a1e90b35"
branch_labels = None
depends_on = None

KINDS = {
    "places": (
        "appeal_answered",
        "enrolment_applied",
        "enrolment_enrolled",
        "enrolment_rejected",
        "enrolment_waitlisted",
        "enrolment_withdrawn",
        "nomination_invitation",
        "nominations_rejected",
    ),
    "report": ("scheduled_report",),
    "change": ("lecture_cancelled", "lecture_postponed"),
    "certificate": ("confirm_name",),
    "place_won": ("enrolment_place_won",),
}


def upgrade() -> None:
    op.add_column("outbox_mail", sa.Column("kind", sa.String(length=32), server_default="account", nullable=False))
    op.add_column("outbox_mail", sa.Column("series_id", sa.Integer(), server_default="0", nullable=False))
    mails = sa.table("outbox_mail", sa.column("kind", sa.String()), sa.column("template", sa.String()))
    for kind, templates in KINDS.items():
        op.execute(mails.update().where(mails.c.template.in_(templates)).values(kind=kind))
    op.create_table(
        "mail_choice",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_mail_choice_person_id")),
        sa.PrimaryKeyConstraint("person_id", "kind", "series_id", name=op.f("pk_mail_choice")),
    )


def downgrade() -> None:
    op.drop_table("mail_choice")
    with op.batch_alter_table("outbox_mail") as table:
        table.drop_column("series_id")
        table.drop_column("kind")
