"""Whom the files of a series tell of without anybody being known, and what was decided about it.

Presence without a person is told by an appearance from now on. The functions are the ones of the application as they
were when this was written.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "4be17f0c93d6"
down_revision = "b81d0c5f7a36"
branch_labels = None
depends_on = None

_AT_ONCE = 10_000
HOW = ("address", "name", "hand", "together", "nobody", "undone")
PRESENCE = sa.table(
    "presence",
    sa.column("id", sa.Integer),
    sa.column("lecture_id", sa.Integer),
    sa.column("person_id", sa.Integer),
    sa.column("appearance_id", sa.Integer),
    sa.column("evidence", sa.String),
    sa.column("name", sa.String),
    sa.column("email", sa.String),
)
LECTURE = sa.table("lecture", sa.column("id", sa.Integer), sa.column("series_id", sa.Integer))
APPEARANCE = sa.table(
    "appearance",
    sa.column("id", sa.Integer),
    sa.column("series_id", sa.Integer),
    sa.column("key", sa.String),
    sa.column("name", sa.String),
    sa.column("email", sa.String),
)


def _plain(text):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _key(evidence, name, email):
    if email:
        return _plain(email.strip())
    return "name:" + " ".join(_plain(name).split()) if name else f"row:{evidence}"


def _how():
    return sa.Enum(*HOW, name="how", native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "appearance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=700), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("within_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("how", _how(), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("how IS NOT NULL OR person_id IS NULL", name=op.f("ck_appearance_decided")),
        sa.CheckConstraint("person_id IS NULL OR how <> 'nobody'", name=op.f("ck_appearance_nobody")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_appearance_series_id")),
        sa.ForeignKeyConstraint(["within_id"], ["appearance.id"], name=op.f("fk_appearance_within_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_appearance_person_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_appearance_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appearance")),
        sa.UniqueConstraint("series_id", "key", name=op.f("uq_appearance_series_id_key")),
    )
    op.create_index(op.f("ix_appearance_key"), "appearance", ["key"])
    op.create_index(op.f("ix_appearance_person_id"), "appearance", ["person_id"])
    op.create_table(
        "appearance_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("appearance_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("how", _how(), nullable=False),
        sa.Column("by_person_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["appearance_id"], ["appearance.id"], name=op.f("fk_appearance_decision_appearance_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_appearance_decision_person_id")),
        sa.ForeignKeyConstraint(["by_person_id"], ["person.id"], name=op.f("fk_appearance_decision_by_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appearance_decision")),
        sa.UniqueConstraint("appearance_id", "version", name=op.f("uq_appearance_decision_appearance_id_version")),
    )
    op.create_index(op.f("ix_appearance_decision_person_id"), "appearance_decision", ["person_id"])
    op.add_column("attendance_import", sa.Column("format", sa.String(length=16), nullable=True))
    with op.batch_alter_table("presence") as table:
        table.add_column(sa.Column("appearance_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_presence_appearance_id"), "appearance", ["appearance_id"], ["id"])
        table.create_check_constraint(op.f("ck_presence_who"), "person_id IS NULL OR appearance_id IS NULL")
    _tell()
    with op.batch_alter_table("presence") as table:
        table.drop_column("name")
        table.drop_column("email")
        table.create_index(op.f("ix_presence_appearance_id"), ["appearance_id"])


def _tell() -> None:
    """Gives each presence without a person its appearance."""
    connection = op.get_bind()
    shown = (PRESENCE.c.id, LECTURE.c.series_id, PRESENCE.c.evidence, PRESENCE.c.name, PRESENCE.c.email)
    query = (
        sa.select(*shown)
        .select_from(PRESENCE.join(LECTURE, LECTURE.c.id == PRESENCE.c.lecture_id))
        .where(PRESENCE.c.person_id.is_(None))
        .order_by(PRESENCE.c.id)
    )
    change = (
        PRESENCE.update()
        .where(PRESENCE.c.id == sa.bindparam("which"))
        .values(appearance_id=sa.bindparam("who", type_=sa.Integer))
    )
    known, last = {}, 0
    while rows := connection.execute(query.where(PRESENCE.c.id > last).limit(_AT_ONCE)).all():
        new, links = [], []
        for id_, series_id, evidence, name, email in rows:
            place = series_id, _key(evidence, name, email)
            if place not in known:
                known[place] = len(known) + 1
                new.append({"id": known[place], "series_id": series_id, "key": place[1], "name": name, "email": email})
            links.append({"which": id_, "who": known[place]})
        if new:
            op.bulk_insert(APPEARANCE, new)
        connection.execute(change, links)
        last = rows[-1][0]
    if known and connection.dialect.name == "postgresql":
        connection.execute(
            sa.text("SELECT setval(pg_get_serial_sequence('appearance', 'id'), :last)"), {"last": len(known)}
        )


def downgrade() -> None:
    with op.batch_alter_table("presence") as table:
        table.drop_index(op.f("ix_presence_appearance_id"))
        table.drop_constraint(op.f("ck_presence_who"), type_="check")
        table.add_column(sa.Column("name", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("email", sa.String(length=320), nullable=True))
    for column in ("name", "email", "person_id"):
        op.execute(
            f"UPDATE presence SET {column} = (SELECT {column} FROM appearance "  # noqa: S608 - names of columns
            "WHERE appearance.id = presence.appearance_id) WHERE appearance_id IS NOT NULL"
        )
    with op.batch_alter_table("presence") as table:
        table.drop_constraint(op.f("fk_presence_appearance_id"), type_="foreignkey")
        table.drop_column("appearance_id")
    op.drop_column("attendance_import", "format")
    op.drop_table("appearance_decision")
    op.drop_table("appearance")
