"""Knowledge checks: question banks, checks with their versions, attempts, and the policy that asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "b7c3e9d1a264"
down_revision = "b61c0f7e29d4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "check_extra_time",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.CheckConstraint("percent > 0 AND percent <= 300", name=op.f("ck_check_extra_time_percent")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_check_extra_time_person_id")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_check_extra_time_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "person_id", name=op.f("pk_check_extra_time")),
    )
    op.create_table(
        "check_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "one",
                "several",
                "true_false",
                "number",
                "short_text",
                "matching",
                "order",
                name="questionkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_check_question_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_question")),
    )
    op.create_index(op.f("ix_check_question_series_id"), "check_question", ["series_id"], unique=False)

    op.create_table(
        "knowledge_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("check", "pre", "post", name="checkkind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("drawn", sa.Integer(), nullable=True),
        sa.Column("pass_percent", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("shuffle", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("shows_answers", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("attempts > 0", name=op.f("ck_knowledge_check_attempts")),
        sa.CheckConstraint("drawn > 0", name=op.f("ck_knowledge_check_drawn")),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_knowledge_check_minutes")),
        sa.CheckConstraint("pass_percent > 0 AND pass_percent <= 100", name=op.f("ck_knowledge_check_pass_percent")),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lecture.id"], name=op.f("fk_knowledge_check_lecture_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_knowledge_check_series_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_check")),
    )
    op.create_index(op.f("ix_knowledge_check_lecture_id"), "knowledge_check", ["lecture_id"], unique=False)
    op.create_index(op.f("ix_knowledge_check_series_id"), "knowledge_check", ["series_id"], unique=False)

    op.create_table(
        "check_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_id"], ["knowledge_check.id"], name=op.f("fk_check_version_check_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_version")),
        sa.UniqueConstraint("check_id", "number", name=op.f("uq_check_version_check_id_number")),
    )
    op.create_table(
        "check_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("check_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "submitted", name="attemptstate", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("right_count", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("limit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["check_id"], ["knowledge_check.id"], name=op.f("fk_check_attempt_check_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_check_attempt_person_id")),
        sa.ForeignKeyConstraint(["version_id"], ["check_version.id"], name=op.f("fk_check_attempt_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_attempt")),
        sa.UniqueConstraint("check_id", "person_id", "number", name=op.f("uq_check_attempt_check_id_person_id_number")),
        sa.UniqueConstraint("public_id", name=op.f("uq_check_attempt_public_id")),
    )
    op.create_index("ix_check_attempt_person_id", "check_attempt", ["person_id"], unique=False)
    op.create_index("ix_check_attempt_state", "check_attempt", ["state", "limit_at"], unique=False)

    with op.batch_alter_table("policy") as table:
        table.add_column(sa.Column("checks_passed", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("policy") as table:
        table.drop_column("checks_passed")
    for name in ("check_attempt", "check_version", "knowledge_check", "check_question", "check_extra_time"):
        op.drop_table(name)
