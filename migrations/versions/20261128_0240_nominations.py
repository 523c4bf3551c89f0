"""Nominations and the links of their invitations."""

import sqlalchemy as sa
from alembic import op

revision = "e8a1c2b3d4f5"
down_revision = "d5a1c7e2b904"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nomination",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("nominated_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column("native_name", sa.String(length=200), nullable=True),
        sa.Column(
            "sector",
            sa.Enum(
                "government",
                "business",
                "academia",
                "civil_society",
                "other",
                name="sector",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("organisation", sa.String(length=200), nullable=True),
        sa.Column("job_title", sa.String(length=200), nullable=True),
        sa.Column(
            "gender",
            sa.Enum("female", "male", "other", name="gender", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "drafted",
                "submitted",
                "invited",
                "accepted",
                "declined",
                "rejected",
                "expired",
                "withdrawn",
                name="nominationstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "seat_kind",
            sa.Enum(
                "quota",
                "open",
                "released",
                "by_hand",
                name="seatkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("letter_name", sa.String(length=200), nullable=True),
        sa.Column("letter_type", sa.String(length=100), nullable=True),
        sa.Column("letter_digest", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_nomination_country_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_nomination_decided_by_id")),
        sa.ForeignKeyConstraint(["nominated_by_id"], ["person.id"], name=op.f("fk_nomination_nominated_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_nomination_person_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_nomination_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nomination")),
        sa.UniqueConstraint("public_id", name=op.f("uq_nomination_public_id")),
    )
    op.create_index("ix_nomination_country_id_id", "nomination", ["country_id", "id"], unique=False)
    op.create_index(op.f("ix_nomination_decided_by_id"), "nomination", ["decided_by_id"], unique=False)
    op.create_index(op.f("ix_nomination_email_key"), "nomination", ["email_key"], unique=False)
    op.create_index(op.f("ix_nomination_nominated_by_id"), "nomination", ["nominated_by_id"], unique=False)
    op.create_index(op.f("ix_nomination_person_id"), "nomination", ["person_id"], unique=False)
    op.create_index(
        "ix_nomination_series_id_country_id_state", "nomination", ["series_id", "country_id", "state"], unique=False
    )
    op.create_index("ix_nomination_state_expires_at", "nomination", ["state", "expires_at"], unique=False)
    op.create_index(
        "uq_nomination_open",
        "nomination",
        ["series_id", "country_id", "email_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('drafted', 'submitted', 'invited')"),
        postgresql_where=sa.text("state IN ('drafted', 'submitted', 'invited')"),
    )
    op.create_table(
        "invitation_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("nomination_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["nomination_id"], ["nomination.id"], name=op.f("fk_invitation_link_nomination_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation_link")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_invitation_link_secret_hash")),
    )
    op.create_index(op.f("ix_invitation_link_nomination_id"), "invitation_link", ["nomination_id"], unique=False)
    op.add_column(
        "series", sa.Column("nominations_need_approval", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("series", "nominations_need_approval")
    op.drop_index(op.f("ix_invitation_link_nomination_id"), table_name="invitation_link")
    op.drop_table("invitation_link")
    op.drop_index(
        "uq_nomination_open",
        table_name="nomination",
        sqlite_where=sa.text("state IN ('drafted', 'submitted', 'invited')"),
        postgresql_where=sa.text("state IN ('drafted', 'submitted', 'invited')"),
    )
    op.drop_index("ix_nomination_state_expires_at", table_name="nomination")
    op.drop_index("ix_nomination_series_id_country_id_state", table_name="nomination")
    op.drop_index(op.f("ix_nomination_person_id"), table_name="nomination")
    op.drop_index(op.f("ix_nomination_nominated_by_id"), table_name="nomination")
    op.drop_index(op.f("ix_nomination_email_key"), table_name="nomination")
    op.drop_index(op.f("ix_nomination_decided_by_id"), table_name="nomination")
    op.drop_index("ix_nomination_country_id_id", table_name="nomination")
    op.drop_table("nomination")
