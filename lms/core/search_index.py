"""Finds rows by any part of a text: an index of three characters at a time, on both databases.

What is searched is a column of `searchable` text: without case and marks, each word behind a space, each name between
two `=`. Whether a name is the words, begins with them, or has them anywhere is then one and the same question: whether
a text contains another. `find` asks it.

- PostgreSQL has a GIN index on the threes of a text. The function that takes them is ours: `pg_trgm` is not on every
  server, and leaves out scripts that the server's locale does not know.
- SQLite has an FTS5 table with the tokenizer `trigram`. Triggers note what was written in `search_pending`, and the
  commit of the same transaction indexes it at once: FTS5 takes twenty times as long for a row at a time.

See ADR 35.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, FromClause, Text, and_, column, event, func, literal, table
from sqlalchemy.engine import Connection
from sqlalchemy.orm import InstrumentedAttribute

from lms.core import cache_versions
from lms.core.db import is_sqlite
from lms.core.sorting import CharacterTable, sort_key

LEAST = 3
"""A search has at least this many characters."""
PREFIX = "search_"
"""What the names of the index's own tables, functions and triggers begin with."""
JOINED = frozenset("'’ʼ`´")
_FIRST_SIGN, _LAST_SIGN, _LATER_SIGNS = "\u3040", "\ud7af", "\U00020000"
_indexed: list[tuple[str, str]] = []
_is_postponed = False

_PENDING = (
    "CREATE TABLE IF NOT EXISTS search_pending "
    "(source TEXT NOT NULL, id INTEGER NOT NULL, old TEXT, PRIMARY KEY (source, id)) WITHOUT ROWID"
)
_GRAMS = """
CREATE OR REPLACE FUNCTION search_grams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(SELECT DISTINCT substr(value, place, 3) FROM generate_series(1, length(value) - 2) AS place)
"""


def search_words(text: str) -> list[str]:
    """The words of a text as they are compared: without case, marks, apostrophes and punctuation.

    Where no spaces are written between words, in Chinese, Japanese and Korean, each sign is one.
    """
    plain = text if JOINED.isdisjoint(text) else "".join(char for char in text if char not in JOINED)
    return sort_key(plain).translate(_SPACED).split()


def search_phrases(text: str) -> list[str]:
    """The words of a search of texts. Chinese, Japanese and Korean signs that follow each other stay one phrase, and
    Arabic letters that are written in several ways are written in one (`folded`)."""
    plain = text if JOINED.isdisjoint(text) else "".join(char for char in text if char not in JOINED)
    parts = folded(sort_key(plain)).translate(_UNSPACED).split()
    return [" ".join(part.translate(_SPACED).split()) for part in parts]


def folded(text: str) -> str:
    """A text with one form of Arabic letters that are often written for each other, and without stretched lines."""
    return text.translate(_ARABIC)


def _spaced(char: str) -> str:
    if char.isascii():
        return char if char.isalnum() else " "
    if _FIRST_SIGN <= char <= _LAST_SIGN or char >= _LATER_SIGNS:
        return f" {char} "
    return char if unicodedata.category(char)[0] in "LMN" else " "


_SPACED = CharacterTable(_spaced)
_UNSPACED = CharacterTable(lambda char: _spaced(char).strip() or " ")
_ARABIC = str.maketrans("ةىکی", "هيكي", "ـ")


def searchable(*texts: str | None) -> str:
    """What is stored to find something by these texts."""
    return "".join(f"= {' '.join(words)} =" for text in texts if text and (words := search_words(text)))


def declare(where: Any, name: str) -> None:
    """Says that a column is searched. The index is made with the table, here and by a migration."""
    source = where.name
    _indexed.append((source, name))

    def create(_table: object, connection: Connection, **_options: object) -> None:
        for statement in statements(connection.dialect.name, source, name):
            connection.exec_driver_sql(statement)

    event.listen(where, "after_create", create)
    cache_versions.before_commit(source, index_pending)


def statements(dialect: str, source: str, name: str) -> list[str]:
    """What makes the index of a column, where it is not there."""
    key = f"{PREFIX}{source}_{name}"
    if dialect != "sqlite":
        return [_GRAMS, f"CREATE INDEX IF NOT EXISTS {key} ON {source} USING gin (search_grams({name}))"]
    insert = "INSERT OR IGNORE INTO search_pending"
    return [
        _PENDING,
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {key} USING fts5"
        f"({name}, content='{source}', content_rowid='id', tokenize='trigram case_sensitive 1')",
        f"CREATE TRIGGER IF NOT EXISTS {key}_insert AFTER INSERT ON {source} "  # noqa: S608 - names of our own
        f"BEGIN {insert} (source, id) VALUES ('{key}', new.id); END",
        f"CREATE TRIGGER IF NOT EXISTS {key}_update AFTER UPDATE OF {name} ON {source} WHEN old.{name} <> new.{name} "
        f"BEGIN {insert} VALUES ('{key}', new.id, old.{name}); END",
        f"CREATE TRIGGER IF NOT EXISTS {key}_delete AFTER DELETE ON {source} "
        f"BEGIN {insert} VALUES ('{key}', old.id, old.{name}); END",
    ]


def ensure(connection: Connection) -> None:
    """On SQLite, after migrations, makes the indexes whole: rebuilding a table takes its triggers away."""
    if connection.dialect.name != "sqlite":
        return
    made = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master")}
    for source, name in _indexed:
        key = f"{PREFIX}{source}_{name}"
        if key in made and f"{key}_update" not in made:
            for statement in statements("sqlite", source, name):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql(f"INSERT INTO {key}({key}) VALUES ('rebuild')")  # noqa: S608 - names of our own
            connection.exec_driver_sql("DELETE FROM search_pending WHERE source = ?", (key,))
    if "search_pending" in made and all(f"{PREFIX}{source}_{name}" in made for source, name in _indexed):
        index_pending(connection)


@contextmanager
def postponed() -> Iterator[None]:
    """Has this process index nothing on SQLite until the end: what it writes is found after the next commit."""
    global _is_postponed
    _is_postponed = True
    try:
        yield
    finally:
        _is_postponed = False


def index_pending(connection: Connection) -> None:
    """On SQLite, indexes what the transaction wrote."""
    if connection.dialect.name != "sqlite" or _is_postponed:
        return
    for statement in pending_statements():
        connection.exec_driver_sql(statement)


def pending_statements() -> list[str]:
    """What takes the former texts out of SQLite's indexes, puts the new ones in, and forgets which they were."""
    statements = []
    for source, name in _indexed:
        key = f"{PREFIX}{source}_{name}"
        statements += [
            f"INSERT INTO {key}({key}, rowid, {name}) "  # noqa: S608 - names of our own
            f"SELECT 'delete', id, old FROM search_pending WHERE source = '{key}' AND old IS NOT NULL",
            f"INSERT INTO {key}(rowid, {name}) SELECT {source}.id, {source}.{name} FROM search_pending "  # noqa: S608
            f"JOIN {source} ON {source}.id = search_pending.id WHERE search_pending.source = '{key}'",
        ]
    return [*statements, "DELETE FROM search_pending"]


def find(searched: InstrumentedAttribute[str], parts: Sequence[str]) -> tuple[FromClause, ColumnElement[int], Any]:
    """Where the ids of rows are whose text contains all `parts`, and the condition for it. Nothing is a wildcard."""
    source = searched.property.columns[0].table
    name = searched.key
    if not is_sqlite():
        rows = source.alias("found")
        grams = sorted({part[at : at + LEAST] for part in parts for at in range(len(part) - LEAST + 1)})
        has_grams = func.search_grams(rows.c[name]).op("@>")(literal(grams, ARRAY(Text)))
        return rows, rows.c.id, and_(has_grams, *contains(rows.c[name], parts))
    key = f"{PREFIX}{source.name}_{name}"
    index = table(key, column("rowid"), column(key))
    expression = " AND ".join('"' + part.replace('"', '""') + '"' for part in parts)
    return index, index.c.rowid, index.c[key].op("MATCH")(expression)


def contains(searched: Any, parts: Sequence[str]) -> list[ColumnElement[bool]]:
    """Whether a text contains each of `parts`, without an index: among the few rows that something else chose."""
    if is_sqlite():
        return [func.instr(searched, part) > 0 for part in parts]  # half the time of LIKE
    return [searched.contains(part, autoescape=True) for part in parts]


def is_part_of_index(name: str | None) -> bool:
    """Whether a table or index of the database belongs to the search index, and to no model."""
    return (name or "").startswith(PREFIX)
