"""Many rows at once: what an import of tens of thousands of rows is looked up and written with."""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import ARRAY, ColumnElement, Dialect, String, Table, any_, func, literal, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.types import TypeEngine

from lms.core.database.session import db, is_sqlite

T = TypeVar("T")
AT_ONCE = 10_000
"""The number of rows in one statement on PostgreSQL."""


def chunks(values: Iterable[T], size: int = 10_000) -> Iterator[list[T]]:
    """Values in lists short enough for one statement."""
    listed = list(values)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def dialect_insert(model: Any) -> Any:
    """An insert into a model's table that knows `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return insert_sqlite(model) if is_sqlite() else insert_postgresql(model)


def insert_many(table: Any, rows: Sequence[Mapping[str, Any]], *, unless: Sequence[str] = ()) -> None:
    """Inserts rows that all have the same keys, inside the running action.

    Nothing is filled in: each row must contain all columns without a default in the database. With `unless`, rows whose
    values in these columns (a unique constraint) exist already are left out.
    """
    if not rows:
        return
    assert isinstance(table, Table)
    connection = db.session.connection()
    names = list(rows[0])
    columns = _columns(table, rows)
    quote = connection.dialect.identifier_preparer.quote
    head = f"INSERT INTO {quote(table.name)} ({', '.join(quote(table.c[name].name) for name in names)})"
    tail = f" ON CONFLICT ({', '.join(quote(name) for name in unless)}) DO NOTHING" if unless else ""
    if is_sqlite():
        holes = ", ".join(["?"] * len(names))
        connection.exec_driver_sql(f"{head} VALUES ({holes}){tail}", list(zip(*columns, strict=True)))
        return
    # A parameter a column: a statement or a parameter a value costs several times what the row does
    lists = ", ".join(f"%s::{_type_in_list(table.c[name].type, connection.dialect)}[]" for name in names)
    for start in range(0, len(rows), AT_ONCE):
        some = tuple(values[start : start + AT_ONCE] for values in columns)
        connection.exec_driver_sql(f"{head} SELECT * FROM unnest({lists}){tail}", some)  # noqa: S608


def _type_in_list(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """Returns what PostgreSQL calls a type where values of it are in a list; texts are cut to no length there."""
    return "text" if isinstance(kind.dialect_impl(dialect), String) else kind.compile(dialect=dialect)


def among(column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column of numbers or text has one of many values: one parameter, however many they are."""
    listed = list(values)
    if is_sqlite():
        given = func.json_each(json.dumps(listed, ensure_ascii=False)).table_valued("value")
        return cast(ColumnElement[bool], column.in_(select(given.c.value)))
    return cast(ColumnElement[bool], column == any_(literal(listed, ARRAY(column.type))))


def _columns(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The values as the driver takes them, past the compiler, which takes most of the time of a large insert: column by
    column, each value once."""
    dialect = db.session.connection().dialect
    columns = []
    for name in rows[0]:
        process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        values = [row[name] for row in rows]
        columns.append(values if process is None else _processed(values, process))
    return columns


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
