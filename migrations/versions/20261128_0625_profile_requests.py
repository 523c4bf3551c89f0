"""Requests to people to confirm what a file says otherwise than their profiles."""

import sqlalchemy as sa
from alembic import op

revision = "a7d3f0c25e18"
down_revision = "e5b8c1d2f4a6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=True),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_profile_request_asked_by_id")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_profile_request_country_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_profile_request_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_request")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_profile_request_secret_hash")),
    )
    op.create_index(op.f("ix_profile_request_asked_at"), "profile_request", ["asked_at"], unique=False)
    op.create_index(op.f("ix_profile_request_asked_by_id"), "profile_request", ["asked_by_id"], unique=False)
    op.create_index(
        "ix_profile_request_country_id_asked_at", "profile_request", ["country_id", "asked_at"], unique=False
    )
    op.create_index(op.f("ix_profile_request_person_id"), "profile_request", ["person_id"], unique=False)
    op.create_table(
        "requested_change",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column(
            "field",
            sa.Enum(
                "full_name",
                "native_name",
                "organisation",
                "job_title",
                "sector",
                "gender",
                name="profilefield",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["profile_request.id"],
            name=op.f("fk_requested_change_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", "field", name=op.f("pk_requested_change")),
    )


def downgrade() -> None:
    op.drop_table("requested_change")
    op.drop_index(op.f("ix_profile_request_person_id"), table_name="profile_request")
    op.drop_index("ix_profile_request_country_id_asked_at", table_name="profile_request")
    op.drop_index(op.f("ix_profile_request_asked_by_id"), table_name="profile_request")
    op.drop_index(op.f("ix_profile_request_asked_at"), table_name="profile_request")
    op.drop_table("profile_request")
