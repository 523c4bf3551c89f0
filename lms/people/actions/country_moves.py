"""Rows of a country that are moved when it is merged into another, and moved back when that is undone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute

from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.database.bulk import among
from lms.core.database.session import db, read_column
from lms.people.models import CountryMove

Column = InstrumentedAttribute[Any]
"""A column that refers to a country, of a table whose key is `id`."""


def name_of(column: Column) -> str:
    """What `CountryMove.what` says of a column."""
    return f"{column.class_.__tablename__}.{column.key}"


def move_rows(column: Column, event: CountriesMerged) -> None:
    """Lets the rows of the country that is merged refer to the one kept, and notes which they were."""
    table = column.class_
    rows = select(literal(event.merge_id), literal(name_of(column)), table.id).where(column == event.merged_id)
    db.session.execute(insert(CountryMove).from_select(["merge_id", "what", "row_id"], rows))
    write = update(table).where(column == event.merged_id).values({column.key: event.kept_id})
    db.session.execute(write.execution_options(synchronize_session=False))


def move_back(column: Column, event: CountryMergeUndone) -> None:
    """Lets the rows that a merge moved refer to their own country again, unless they refer to a third one by now."""
    table = column.class_
    moved = table.id.in_(_moved(event.merge_id, name_of(column)))
    write = update(table).where(moved, column == event.kept_id).values({column.key: event.merged_id})
    db.session.execute(write.execution_options(synchronize_session=False))


def moved_rows(column: Column, event: CountriesMerged | CountryMergeUndone) -> list[int]:
    """The ids of the rows that a merge moved."""
    return moved_ids(name_of(column), event)


def moved_ids(what: str, event: CountriesMerged | CountryMergeUndone) -> list[int]:
    """As `moved_rows`, for what a slice recorded under a separate name (`note_moved`)."""
    return list(read_column(_moved(event.merge_id, what).order_by(CountryMove.row_id)))


def note_moved(what: str, ids: Collection[int], event: CountriesMerged) -> None:
    """Notes rows that a slice moved itself."""
    moves = (CountryMove.merge_id == event.merge_id, CountryMove.what == what)
    db.session.execute(delete(CountryMove).where(*moves, among(CountryMove.row_id, ids)))
    rows = [{"merge_id": event.merge_id, "what": what, "row_id": id_} for id_ in sorted(ids)]
    if rows:
        db.session.execute(insert(CountryMove), rows)


def _moved(merge_id: int, what: str) -> Any:
    return select(CountryMove.row_id).where(CountryMove.merge_id == merge_id, CountryMove.what == what)
