"""Finds rows by any part of a text, and says how well a name fits what was typed.

The index has three characters at a time, on both databases. What is searched is a column of `searchable` text:
without case and marks, each word behind a space, each name between two `=`. Whether a name is the words, begins with
them, or has them anywhere is then the same question: whether a text contains another. `find` asks it.

- PostgreSQL has a GIN index on the threes of a text. The function that takes them is ours: `pg_trgm` is not on every
  server, and leaves out scripts that the server's locale does not know.
- SQLite has an FTS5 table with the tokenizer `trigram`. Triggers note what was written in `search_pending`, and the
  commit of the same transaction indexes it at once: FTS5 takes twenty times as long for a row at a time.

See ADR 35.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, FromClause, Text, and_, column, event, func, literal, table
from sqlalchemy.engine import Connection
from sqlalchemy.orm import InstrumentedAttribute

from lms.core.database import cache_versions
from lms.core.database.session import is_sqlite
from lms.core.text.sorting import CharacterTable, sort_key

LEAST = 3
"""A search has at least this many characters."""
PREFIX = "search_"
"""What the names of the index's own tables, functions and triggers begin with."""
JOINED = frozenset("'’ʼ`´")
_FIRST_SIGN, _LAST_SIGN, _LATER_SIGNS = "\u3040", "\ud7af", "\U00020000"
_indexed: list[tuple[str, str]] = []

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
    """Returns what is stored to find something by these texts."""
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
    """Returns what makes the index of a column, where it is not there."""
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
    """On SQLite, makes the indexes whole after `set_aside`, and after migrations: rebuilding a table takes its triggers
    away."""
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


def set_aside(connection: Connection) -> None:
    """On SQLite, notes nothing of what is written from now on, until `ensure` makes the indexes whole: for many rows
    this takes less than to note each."""
    for source, name in _indexed:
        for change in ("insert", "update", "delete"):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {PREFIX}{source}_{name}_{change}")


def index_pending(connection: Connection) -> None:
    """On SQLite, indexes what the transaction wrote."""
    if connection.dialect.name != "sqlite":
        return
    for statement in pending_statements():
        connection.exec_driver_sql(statement)


def pending_statements() -> list[str]:
    """Returns what takes the former texts out of SQLite's indexes, puts the new ones in, and forgets which they
    were."""
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


class Match(IntEnum):
    """The best comes first."""

    SAME = 0
    WORDS = 1
    BEGINS = 2
    PART = 3


def steps_of(words: Sequence[str]) -> list[tuple[Match, tuple[str, ...]]]:
    """Returns what a `searchable` text contains at each step, from the narrowest to the widest.

    One letter is only looked for as a word, or at the beginning of a name.
    """
    if not words:
        return []
    steps = [
        (Match.SAME, (f"= {' '.join(words)} =",)),
        (Match.WORDS, tuple(f" {word} " for word in words)),
        (Match.BEGINS, tuple(map(_beginning, words)) if len("".join(words)) > 1 else (f"= {words[0]}",)),
        (Match.PART, tuple(word if len(word) >= LEAST else _beginning(word) for word in words)),
    ]
    return steps if len("".join(words)) > 1 else steps[:3]


def _beginning(word: str) -> str:
    return f" {word}" if len(word) > 1 else f" {word} "


def match_of(words: Sequence[str], stored: str) -> Match | None:
    """The narrowest step at which a `searchable` text fits."""
    return next((step for step, parts in steps_of(words) if all(part in stored for part in parts)), None)


def match_of_text(words: Sequence[str], text: str) -> Match | None:
    """As `match_of`, of a text as it is written."""
    return match_of(words, searchable(text))


def match_of_title(phrases: Sequence[str], title: str) -> Match | None:
    """As `match_of_text`, for phrases of `search_phrases`."""
    return match_of(phrases, folded(searchable(title)))


def is_mentioned(phrases: Sequence[str], text: str) -> bool:
    """Whether a longer text has, for each of the phrases (`search_phrases`), a word that begins with it. Single letters
    never match.

    Where words are written together, as Arabic writes its article, or without spaces, a part of a word is enough.
    """
    if len("".join(phrases)) < 2:
        return False
    stored = _stored(text)
    return bool(stored) and all(
        (phrase if len(phrase) >= LEAST and phrase[0] >= _WRITTEN_TOGETHER else _beginning(phrase)) in stored
        for phrase in phrases
    )


def is_in_any(phrases: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether each of the phrases (`search_phrases`) is a part of one of the texts."""
    stored = "".join(map(_stored, texts))
    return all(phrase in stored for phrase in phrases)


_WRITTEN_TOGETHER = "\u0590"
"""The first letter of the scripts from Hebrew and Arabic to those of East Asia."""


@lru_cache(maxsize=4096)
def _stored(text: str) -> str:
    """A longer text as it is compared, in passages that no key is too short for."""
    return folded(searchable(*_PASSAGE.findall(text)))


_PASSAGE = re.compile(r"\S.{0,99}(?=\s|$)|\S.{0,99}", re.DOTALL)


def excerpt_of(text: str, words: Sequence[str], *, length: int = 160) -> str:
    """The part of a text around the first place that fits, cut between words."""
    if len(text) <= length:
        return text
    first = next((len(before) for before, _piece in _places(text, words)), 0)
    start = max(0, min(first - length // 3, len(text) - length))
    start = text.rfind(" ", 0, start) + 1 if start else 0
    end = len(text) if start + length >= len(text) else text.rfind(" ", 0, start + length)
    end = end if end > start else start + length
    return f"{'… ' if start else ''}{text[start:end]}{' …' if end < len(text) else ''}"


def _places(text: str, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The text before each match, and the match."""
    before = ""
    for piece, fits in pieces_of(text, words):
        if fits:
            yield before, piece
        before += piece


def pieces_of(text: str, words: Sequence[str]) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it is what was looked for: of each word the first place, at the beginning of
    a word where there is one. Marks stay with their letter."""
    plain = list(map(_plain, text))
    starts, joined = [], ""
    for piece in plain:
        starts.append(len(joined))
        joined += piece
    fits = [False] * len(text)
    for word in words:
        at = f" {joined}".find(f" {word}")
        at = at if at >= 0 else joined.find(word)
        if at < 0:
            continue
        for place, (start, piece) in enumerate(zip(starts, plain, strict=True)):
            is_within = at <= start < at + len(word)
            fits[place] |= is_within if piece else place > 0 and fits[place - 1]
    pieces: list[tuple[str, bool]] = []
    for char, is_fit in zip(text, fits, strict=True):
        if pieces and pieces[-1][1] == is_fit:
            pieces[-1] = pieces[-1][0] + char, is_fit
        else:
            pieces.append((char, is_fit))
    return pieces


def compared(text: str) -> str:
    """A text of any length as `pieces_of` compares it."""
    return "".join(map(_plain, text))


def _plain(char: str) -> str:
    """A sign as it is compared: nothing for a mark, a space for punctuation."""
    if char in JOINED:
        return ""
    return sort_key(char) if search_words(char) or not sort_key(char) else " "
