"""Questions at enrolment and registration, and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "a7c1d93e5b20"
down_revision = "f36b1c0a7d52"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolment_form",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_enrolment_form_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_form")),
        sa.UniqueConstraint("series_id", "version", name=op.f("uq_enrolment_form_series_id_version")),
    )
    op.create_index(
        "uq_enrolment_form_registration",
        "enrolment_form",
        ["version"],
        unique=True,
        sqlite_where=sa.text("series_id IS NULL"),
        postgresql_where=sa.text("series_id IS NULL"),
    )
    op.create_table(
        "enrolment_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.Integer(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["form_id"], ["enrolment_form.id"], name=op.f("fk_enrolment_answers_form_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_enrolment_answers_person_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_enrolment_answers_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_answers")),
        sa.UniqueConstraint("series_id", "person_id", name=op.f("uq_enrolment_answers_series_id_person_id")),
    )
    op.create_index(op.f("ix_enrolment_answers_form_id"), "enrolment_answers", ["form_id"], unique=False)
    op.create_index(op.f("ix_enrolment_answers_person_id"), "enrolment_answers", ["person_id"], unique=False)
    op.create_index(
        "uq_enrolment_answers_registration",
        "enrolment_answers",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("series_id IS NULL"),
        postgresql_where=sa.text("series_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("enrolment_answers")
    op.drop_index(
        "uq_enrolment_form_registration",
        table_name="enrolment_form",
        sqlite_where=sa.text("series_id IS NULL"),
        postgresql_where=sa.text("series_id IS NULL"),
    )
    op.drop_table("enrolment_form")
