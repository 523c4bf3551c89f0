"""Many rows at once: what an import of tens of thousands of rows is looked up and written with."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, ColumnElement, Table, any_, func, literal, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql

from lms.core.db import db, is_sqlite


def insert_many(table: Any, rows: Sequence[Mapping[str, Any]], *, unless: Sequence[str] = ()) -> None:
    """Inserts rows that all have the same keys, inside the running action.

    Nothing is filled in: what has no default in the database stands in each row. With `unless`, a row whose
    values in these columns (a unique constraint) are there already is left out.
    """
    if not rows:
        return
    assert isinstance(table, Table)
    if is_sqlite():
        _insert_sqlite(table, rows, unless)
        return
    statement = insert_postgresql(table)
    if unless:
        statement = statement.on_conflict_do_nothing(index_elements=unless)
    db.session.connection().execute(statement, list(rows))


def among(column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column of numbers or text has one of many values: one parameter, however many they are."""
    listed = list(values)
    if is_sqlite():
        given = func.json_each(json.dumps(listed, ensure_ascii=False)).table_valued("value")
        return cast(ColumnElement[bool], column.in_(select(given.c.value)))
    return cast(ColumnElement[bool], column == any_(literal(listed, ARRAY(column.type))))


def _insert_sqlite(table: Table, rows: Sequence[Mapping[str, Any]], unless: Sequence[str]) -> None:
    """Past the compiler, which takes most of the time of a large insert: column by column, each value once."""
    connection = db.session.connection()
    quote = connection.dialect.identifier_preparer.quote
    names = list(rows[0])
    columns = []
    for name in names:
        column = table.c[name]
        process = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        values = [row[name] for row in rows]
        columns.append(values if process is None else _processed(values, process))
    statement = (
        f"INSERT INTO {quote(table.name)} ({', '.join(quote(table.c[name].name) for name in names)}) "  # noqa: S608
        f"VALUES ({', '.join('?' * len(names))})"
    )
    if unless:
        statement += f" ON CONFLICT ({', '.join(quote(name) for name in unless)}) DO NOTHING"
    connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def _processed(values: list[Any], process: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(values[0], Hashable):
        return [process(value) for value in values]
    known: dict[Any, Any] = {}
    done = []
    for value in values:
        if value not in known:
            known[value] = process(value)
        done.append(known[value])
    return done
