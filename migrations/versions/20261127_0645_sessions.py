"""Sessions on the server in place of the account's epoch, and room for sealed secrets of second factors."""

import sqlalchemy as sa
from alembic import op

revision = "b7e35a90d2c4"
down_revision = "a4c07e15d9b2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=32), nullable=False),
        sa.Column("system", sa.String(length=32), nullable=False),
        sa.Column("awaits_code", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sign_in_session_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_session")),
        sa.UniqueConstraint("public_id", name=op.f("uq_sign_in_session_public_id")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sign_in_session_secret_hash")),
    )
    with op.batch_alter_table("sign_in_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_session_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sign_in_session_expires_at"), ["expires_at"], unique=False)
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_column("epoch")
    with op.batch_alter_table("second_factor", schema=None) as batch_op:
        for column in ("secret", "pending_secret"):
            batch_op.alter_column(column, existing_type=sa.String(length=64), type_=sa.String(length=200))


def downgrade() -> None:
    # What is sealed does not fit, and the code of before cannot open it: these people set their device up once more
    op.execute(
        "UPDATE second_factor SET secret = NULL, pending_secret = NULL, confirmed_at = NULL"
        " WHERE length(secret) > 64 OR length(pending_secret) > 64"
    )
    with op.batch_alter_table("second_factor", schema=None) as batch_op:
        for column in ("secret", "pending_secret"):
            batch_op.alter_column(column, existing_type=sa.String(length=200), type_=sa.String(length=64))
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("epoch", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.alter_column("epoch", existing_type=sa.Integer(), server_default=None)
    op.drop_table("sign_in_session")
