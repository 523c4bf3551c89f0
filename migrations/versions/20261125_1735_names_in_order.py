"""People in the order of their names, beyond ASCII too; credits by outcome.

The function is the one of the application as it was when this was written.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "7c20e5d9b3f1"
down_revision = "8f40d2b6e1c5"
branch_labels = None
depends_on = None

_PLAIN = str.maketrans(
    {"ə": "e", "ı": "i", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "ø": "o", "ł": "l", "œ": "oe", "ħ": "h", "ŧ": "t"}
)
_AT_ONCE = 10_000


def _key(name):
    if name.isascii():
        return name.lower()[:200]
    parts = unicodedata.normalize("NFKD", name.casefold()).casefold().translate(_PLAIN)
    bare = "".join(sign for sign in parts if not unicodedata.combining(sign))
    return unicodedata.normalize("NFC", bare)[:200]


def upgrade() -> None:
    kind = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.add_column("person", sa.Column("sort_name", kind, nullable=False, server_default=""))
    person = sa.table("person", sa.column("id", sa.Integer), sa.column("full_name"), sa.column("sort_name"))
    change = (
        person.update()
        .where(person.c.id == sa.bindparam("which"))
        .values(sort_name=sa.bindparam("key", type_=sa.String))
    )
    connection = op.get_bind()
    last = 0
    while rows := connection.execute(
        sa.select(person.c.id, person.c.full_name).where(person.c.id > last).order_by(person.c.id).limit(_AT_ONCE)
    ).all():
        connection.execute(change, [{"which": id_, "key": _key(name)} for id_, name in rows])
        last = rows[-1][0]
    op.create_index(op.f("ix_person_sort_name"), "person", ["sort_name", "id"])
    op.create_index(
        op.f("ix_credit_lecture_id_outcome_computed_at"), "credit", ["lecture_id", "outcome", "computed_at"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_credit_lecture_id_outcome_computed_at"), table_name="credit")
    op.drop_index(op.f("ix_person_sort_name"), table_name="person")
    op.drop_column("person", "sort_name")
