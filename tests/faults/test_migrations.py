"""Migrations with a million rows: nothing is lost on the way up and down; nor, with fewer, when one is killed midway.

After the migrations in the tree comes an example (`tests/later_migration.py`), so that there is always a step. The
tables are filled by what they look like at each step, so that a new migration is tried without a word here.
"""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from apiflask import APIFlask
from flask import current_app
from flask_migrate import downgrade, upgrade
from sqlalchemy import Boolean, Column, Date, DateTime, Float, Integer, MetaData, String, Table, inspect, text
from sqlalchemy.types import JSON

from lms.app import create_app
from lms.config import Config
from lms.core.database.cache_versions import UNWATCHED
from lms.core.database.session import db
from tests.faults.forks import Forked
from tests.later_migration import add_later_migration

pytestmark = pytest.mark.long
ROWS = 1_000_000
CHOSEN: dict[str, str | None] = {
    "duplicate_pair.first_id": "(CASE WHEN i = 1 THEN 2 ELSE 1 END)",  # the smaller id first, and no pair twice
    "duplicate_pair.second_id": "(CASE WHEN i = 1 THEN 3 ELSE i END)",
    "role_grant.role": "'focal_point'",
    "series.capacity": None,
    "presence.attendee_id": None,
}
"""Columns for which the table's rule asks for more than a value of their type, or for none."""
COUNTED_ANEW = {"public_figures", "public_answer", "stamp", "lecture_facts", "series_facts"}
"""What is kept only so that nothing is counted each time: a migration may empty these, fill them or drop them."""
Counts = dict[str, dict[str, int]]


@pytest.fixture
def site(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[APIFlask]:
    config = Config.load({}, data=str(tmp_path), database_url=database_url, secret_key="tests-only", log_level="ERROR")
    made = create_app(config)
    add_later_migration(made, tmp_path, monkeypatch)
    with made.app_context():
        yield made
        db.session.remove()
        db.engine.dispose()


def revisions() -> list[str]:
    """All of them, the oldest first."""
    config = current_app.extensions["migrate"].migrate.get_config()
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def reflected() -> list[Table]:
    """The tables as they are in the database, each after those that it refers to."""
    metadata = MetaData()
    metadata.reflect(db.engine)
    left_out = ("alembic_version", "search_")  # the search index follows what it is made of
    return [table for table in metadata.sorted_tables if not table.name.startswith(left_out)]


# Rows


def sign(length: int) -> str:
    """SQL for a text of `length` signs at most, another one for each `i`."""
    signs = "0123456789abcdefghijklmnopqrstuvwxyz"
    return " || ".join(
        f"substr('{signs}', CAST((i / {36**place}) % 36 + 1 AS INTEGER), 1)"
        for place in reversed(range(min(length, 8)))
    )


def value(table: Table, column: Column[object], choices: dict[str, str]) -> str | None:
    """SQL for this column of row `i`; None leaves it empty."""
    name = f"{table.name}.{column.name}"
    kind = column.type
    if name in CHOSEN:
        return CHOSEN[name]
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).column
        return sign(target.type.length or 8) if isinstance(target.type, String) else "i"
    if column.name in choices:
        return choices[column.name]
    if isinstance(kind, Boolean):
        return "(i % 2 = 0)"
    if column.nullable and isinstance(kind, (Date, DateTime)):
        return None
    unique = column.primary_key or any(column.name in names for names in keys_of(table.name))
    if isinstance(kind, JSON):
        return "'{}'"
    if isinstance(kind, String):
        return None if column.nullable and unique else sign(kind.length or 8)
    if isinstance(kind, (DateTime, Date)):
        return f"'2026-01-02{' 03:04:05.000000' if isinstance(kind, DateTime) else ''}'"
    if isinstance(kind, (Integer, Float)):
        return "i" if unique else "1"
    return "''"


def type_of(column: Column[object]) -> str:
    """A column's type as a cast names it: without the order of its texts."""
    return column.type.compile(db.engine.dialect).partition(" COLLATE ")[0]


def keys_of(table: str) -> list[list[str | None]]:
    look = inspect(db.engine)
    return [one["column_names"] for one in [*look.get_unique_constraints(table), *look.get_indexes(table)]]  # type: ignore[misc]


def fill(tables: list[Table], rows: int) -> None:
    """So many rows in each table: row `i` refers to row `i` of every other."""
    sqlite = db.engine.dialect.name == "sqlite"
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)" if sqlite else ""
    source = "n" if sqlite else "generate_series(1, :rows) AS n(i)"
    engine = db.engine.execution_options(**{UNWATCHED: True})  # the oldest form has no table for stamps
    with engine.begin() as connection:
        for table in tables:
            choices: dict[str, str] = {}
            left_out = set()
            for check in inspect(connection).get_check_constraints(table.name):
                quoted = re.search(r"'(\w+)'", check["sqltext"])
                named = re.search("|".join(rf"\b{column.name}\b" for column in table.columns), check["sqltext"])
                if either := re.search(r"\(?\w+ IS NULL\)? (?:!=|<>) \(?(\w+) IS NULL", check["sqltext"]):
                    left_out.add(either[1])
                left_out.update(re.findall(r"CASE\s+WHEN \(?(\w+) IS NULL", check["sqltext"])[1:])  # one of several
                if quoted and named:
                    choices[named.group()] = f"'{quoted.group(1)}'"
            chosen = {column: value(table, column, choices) for column in table.columns}
            given = {
                column.name: sql if sqlite else f"CAST({sql} AS {type_of(column)})"
                for column, sql in chosen.items()
                if sql is not None and column.name not in left_out
            }
            names = ", ".join(f'"{name}"' for name in given)
            statement = f'{many} INSERT INTO "{table.name}" ({names}) SELECT {", ".join(given.values())} FROM {source}'
            connection.execute(text(statement), {"rows": rows})


def counts() -> Counts:
    """Of each table the rows, and of each column how many are not empty: all, where the database says that none is."""
    counted: Counts = {}
    with db.engine.connect() as connection:
        for table in reflected():
            nullable = [column.name for column in table.columns if column.nullable]
            selected = ", ".join(["count(*)", *(f'count("{name}")' for name in nullable)])
            rows, *filled = connection.execute(text(f'SELECT {selected} FROM "{table.name}"')).one()
            counted[table.name] = dict.fromkeys(["*", *table.columns.keys()], rows)
            counted[table.name].update(zip(nullable, filled, strict=True))
    return counted


def assert_kept(before: Counts, after: Counts) -> None:
    """What is in both is the same."""
    for table in (before.keys() & after.keys()) - COUNTED_ANEW:
        shared = before[table].keys() & after[table].keys()
        assert {name: after[table][name] for name in shared} == {name: before[table][name] for name in shared}, table


def fill_at_the_first(rows: int) -> tuple[int, Counts]:
    """The oldest form of the database with so many rows in all; answers how many in each table, and all counts."""
    upgrade(revision=revisions()[0])
    tables = reflected()
    each = rows // len(tables)
    fill(tables, each)
    return each, counts()


@pytest.mark.long(seconds=100)
def test_a_million_rows_go_up_and_down_step_by_step(site: APIFlask) -> None:
    each, before = fill_at_the_first(ROWS)
    assert sum(table["*"] for table in before.values()) > ROWS * 0.95
    for revision in revisions()[1:]:
        upgrade(revision=revision)
        after = counts()
        assert_kept(before, after)
        dropped = before.keys() - after.keys() - COUNTED_ANEW
        assert dropped == set(), f"{revision} drops a table with rows in it"
        # but for new tables that the migration fills itself
        fill([table for table in reflected() if table.name not in before and not after[table.name]["*"]], each)
        before = counts()
    for revision in revisions()[-2::-1]:
        downgrade(revision=revision)
        after = counts()
        assert_kept(before, after)
        before = after
    upgrade()
    assert_kept(before, counts())


# Killed midway

KILLED_ROWS = 100_000
"""Many times what `migrating.CACHE_KB` holds. When a process dies is counted in statements, whatever the rows."""


def migrate(site: APIFlask, to: str, *, kill_after: int = 0) -> tuple[int, str]:
    """Migrates in a process of its own, which dies after so many statements; its exit code, and what it said."""
    config: Config = site.extensions["lms.config"]
    environment = {**os.environ, **config.environment()}
    folder = site.extensions["migrate"].directory
    process = Forked(to, kill_after, folder, environment=environment, runs="tests.faults.migrating")
    output = process.said()
    return process.wait(), output


def test_a_migration_that_is_killed_midway_loses_nothing_and_can_be_run_again(site: APIFlask) -> None:
    draw = random.Random(41)
    _each, before = fill_at_the_first(KILLED_ROWS)
    db.engine.dispose()
    first = revisions()[0]
    for to in ("head", first):
        code, output = migrate(site, to)
        assert code == 0, output
        statements = int(output.split()[-1])
        assert_kept(before, counts())
        for number in sorted(draw.sample(range(2, statements), 3)):
            db.engine.dispose()
            code, output = migrate(site, first if to == "head" else "head")  # and back, to be killed on the way
            assert code == 0, output
            start = counts()
            db.engine.dispose()
            code, output = migrate(site, to, kill_after=number)
            assert code == -signal.SIGKILL, output
            left = counts()  # each migration is a transaction of its own: those before are done
            assert_kept(start, left)
            assert {table for table in left.keys() ^ start.keys() if {**start, **left}[table]["*"]} == set()
        db.engine.dispose()
        code, output = migrate(site, to)
        assert code == 0, output
        assert_kept(before, counts())
