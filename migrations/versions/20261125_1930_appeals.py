"""Appeals, and which earlier correction one sets again."""

import sqlalchemy as sa
from alembic import op

revision = "c92e4a7d10b5"
down_revision = "4be17f0c93d6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "appeal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("said_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("joined_as", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open", "accepted", "declined", "withdrawn",
                name="appealstate", native_enum=False, create_constraint=True, length=32,
            ),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name=op.f("ck_appeal_ended")),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"], name=op.f("fk_appeal_answered_by")),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name=op.f("fk_appeal_correction_id")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_appeal_lecture_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_appeal_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal")),
        sa.UniqueConstraint("public_id", name=op.f("uq_appeal_public_id")),
    )  # fmt: skip
    op.create_index("ix_appeal_lecture_id_state", "appeal", ["lecture_id", "state"])
    op.create_index(op.f("ix_appeal_person_id"), "appeal", ["person_id"])
    op.create_index(
        "uq_appeal_open",
        "appeal",
        ["lecture_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    with op.batch_alter_table("correction") as table:
        table.add_column(sa.Column("restores_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_correction_restores_id"), "correction", ["restores_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("correction") as table:
        table.drop_constraint(op.f("fk_correction_restores_id"), type_="foreignkey")
        table.drop_column("restores_id")
    op.drop_table("appeal")
