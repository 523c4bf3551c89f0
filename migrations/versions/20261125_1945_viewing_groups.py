"""Group viewing: groups, their lists and signatures; presence says by which signature it counts."""

import sqlalchemy as sa
from alembic import op

revision = "5d1f7a40c3e9"
down_revision = "a7d3f0c96b15"
branch_labels = None
depends_on = None


def _person(name: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([name], ["person.id"], name=op.f(f"fk_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "viewing_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("lecture_id", sa.Integer(), nullable=False),
        sa.Column("country_id", sa.Integer(), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("room", sa.String(length=200), nullable=False),
        sa.Column("organiser", sa.String(length=200), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("opened_by", sa.Integer(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_off_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expected > 0", name=op.f("ck_viewing_group_expected")),
        sa.ForeignKeyConstraint(["lecture_id"], ["lecture.id"], name=op.f("fk_viewing_group_lecture_id")),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], name=op.f("fk_viewing_group_country_id")),
        _person("opened_by", "viewing_group"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viewing_group")),
        sa.UniqueConstraint("code", name=op.f("uq_viewing_group_code")),
        sa.UniqueConstraint("public_id", name=op.f("uq_viewing_group_public_id")),
    )
    for column in ("lecture_id", "country_id", "opened_by"):
        op.create_index(op.f(f"ix_viewing_group_{column}"), "viewing_group", [column])
    op.create_table(
        "group_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column("key", sa.String(length=320), nullable=True),
        sa.Column(
            "entered",
            sa.Enum(
                "code", "address", "ticked", "list",
                name="entered", native_enum=False, create_constraint=True, length=32,
            ),
            nullable=False,
        ),
        sa.Column("entered_by", sa.Integer(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("person_id IS NOT NULL OR key IS NOT NULL", name=op.f("ck_group_entry_somebody")),
        sa.ForeignKeyConstraint(["group_id"], ["viewing_group.id"], name=op.f("fk_group_entry_group_id")),
        _person("person_id", "group_entry"),
        _person("entered_by", "group_entry"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_entry")),
        sa.UniqueConstraint("group_id", "person_id", name=op.f("uq_group_entry_group_id_person_id")),
        sa.UniqueConstraint("group_id", "key", name=op.f("uq_group_entry_group_id_key")),
    )  # fmt: skip
    for column in ("person_id", "key"):
        op.create_index(op.f(f"ix_group_entry_{column}"), "group_entry", [column])
    op.create_table(
        "group_signature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("from_ms", sa.BigInteger(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("signed_by", sa.Integer(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_back_by", sa.Integer(), nullable=True),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("connection_id IS NOT NULL OR until_ms > from_ms", name=op.f("ck_group_signature_span")),
        sa.ForeignKeyConstraint(["group_id"], ["viewing_group.id"], name=op.f("fk_group_signature_group_id")),
        _person("connection_id", "group_signature"),
        _person("signed_by", "group_signature"),
        _person("taken_back_by", "group_signature"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_signature")),
    )
    for column in ("group_id", "signed_by"):
        op.create_index(op.f(f"ix_group_signature_{column}"), "group_signature", [column])
    standing = sa.text("taken_back_at IS NULL")
    op.create_index(
        "uq_group_signature_standing", "group_signature", ["group_id"], unique=True,
        sqlite_where=standing, postgresql_where=standing,
    )  # fmt: skip
    with op.batch_alter_table("presence") as presence:
        presence.add_column(sa.Column("signature_id", sa.Integer(), nullable=True))
        presence.create_foreign_key(op.f("fk_presence_signature_id"), "group_signature", ["signature_id"], ["id"])
        presence.create_index(op.f("ix_presence_signature_id"), ["signature_id"])


def downgrade() -> None:
    with op.batch_alter_table("presence") as presence:
        presence.drop_index(op.f("ix_presence_signature_id"))
        presence.drop_constraint(op.f("fk_presence_signature_id"), type_="foreignkey")
        presence.drop_column("signature_id")
    op.drop_table("group_signature")
    op.drop_table("group_entry")
    op.drop_table("viewing_group")
