"""The search index: names, organisations and e-mail addresses by any part of them."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "c4a71e90d2b8"
down_revision = "b2e1d4c5f6a7"
branch_labels = None
depends_on = None

SEARCHED = (("person", "search_name"), ("person", "search_organisation"), ("person_email", "key"))
LETTERS = str.maketrans(
    {"ə": "e", "ı": "i", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "ø": "o", "ł": "l", "œ": "oe", "ħ": "h", "ŧ": "t"}
)
AT_ONCE = 10_000


def upgrade() -> None:
    for name in ("search_name", "search_organisation"):
        op.add_column("person", sa.Column(name, sa.Text(), server_default="", nullable=False))
    _fill()
    if op.get_context().dialect.name != "sqlite":
        op.execute(
            "CREATE OR REPLACE FUNCTION search_grams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT "
            "PARALLEL SAFE RETURN ARRAY(SELECT DISTINCT substr(value, place, 3) "
            "FROM generate_series(1, length(value) - 2) AS place)"
        )
        for source, name in SEARCHED:
            op.execute(f"CREATE INDEX search_{source}_{name} ON {source} USING gin (search_grams({name}))")
        return
    op.execute(
        "CREATE TABLE search_pending "
        "(source TEXT NOT NULL, id INTEGER NOT NULL, old TEXT, PRIMARY KEY (source, id)) WITHOUT ROWID"
    )
    for source, name in SEARCHED:
        key = f"search_{source}_{name}"
        insert = "INSERT OR IGNORE INTO search_pending"
        op.execute(
            f"CREATE VIRTUAL TABLE {key} USING fts5({name}, content='{source}', content_rowid='id', "
            "tokenize='trigram case_sensitive 1')"
        )
        op.execute(f"INSERT INTO {key}({key}) VALUES ('rebuild')")  # noqa: S608 - names of our own
        op.execute(
            f"CREATE TRIGGER {key}_insert AFTER INSERT ON {source} "  # noqa: S608 - names of our own
            f"BEGIN {insert} (source, id) VALUES ('{key}', new.id); END"
        )
        op.execute(
            f"CREATE TRIGGER {key}_update AFTER UPDATE OF {name} ON {source} WHEN old.{name} <> new.{name} "
            f"BEGIN {insert} VALUES ('{key}', new.id, old.{name}); END"
        )
        op.execute(
            f"CREATE TRIGGER {key}_delete AFTER DELETE ON {source} "
            f"BEGIN {insert} VALUES ('{key}', old.id, old.{name}); END"
        )


def _fill() -> None:
    """Writes what each person is found by; nothing for the erased."""
    person = sa.table("person", *map(sa.column, ("id", "full_name", "native_name", "organisation", "erased_at")))
    line = op.get_bind()
    change = sa.text("UPDATE person SET search_name = :name, search_organisation = :organisation WHERE id = :id")
    last = 0
    while True:
        query = sa.select(person).where(person.c.id > last).order_by(person.c.id).limit(AT_ONCE)
        rows = line.execute(query).all()
        if not rows:
            return
        last = rows[-1].id
        changes = [
            {
                "id": row.id,
                "name": _searchable(row.full_name, row.native_name),
                "organisation": _searchable(row.organisation),
            }
            for row in rows
            if row.erased_at is None
        ]
        if changes:
            line.execute(change, changes)


def _searchable(*texts: str | None) -> str:
    return "".join(f"= {' '.join(words)} =" for text in texts if text and (words := _words(text)))


def _words(text: str) -> list[str]:
    plain = "".join(char for char in text if char not in "'’ʼ`´")
    parts = unicodedata.normalize("NFKD", plain.casefold()).casefold().translate(LETTERS)
    bare = "".join(char for char in parts if not unicodedata.combining(char))
    key = unicodedata.normalize("NFC", bare)[:200]
    return "".join(map(_spaced, key)).split()


def _spaced(char: str) -> str:
    if char.isascii():
        return char if char.isalnum() else " "
    if "\u3040" <= char <= "\ud7af" or char >= "\U00020000":
        return f" {char} "
    return char if unicodedata.category(char)[0] in "LMN" else " "


def downgrade() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for source, name in SEARCHED:
        key = f"search_{source}_{name}"
        if not is_sqlite:
            op.execute(f"DROP INDEX {key}")
            continue
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER IF EXISTS {key}_{event}")  # gone where a later migration rebuilt the table
        op.execute(f"DROP TABLE {key}")
    op.execute("DROP TABLE search_pending" if is_sqlite else "DROP FUNCTION search_grams(text)")
    with op.batch_alter_table("person") as table:
        table.drop_column("search_organisation")
        table.drop_column("search_name")
