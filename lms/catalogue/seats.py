"""Seats of a series: drawn and given back inside the enrolment's own action. The capacity always holds."""

from __future__ import annotations

from typing import cast

from sqlalchemy import CursorResult, or_, select, update

from lms.catalogue.models import Series
from lms.core.db import db


def take_seat(series_id: int) -> bool:
    """Draws one place; False where none is left. One statement, so that the last seat is never sold twice."""
    statement = (
        update(Series)
        .where(Series.id == series_id, or_(Series.capacity.is_(None), Series.taken < Series.capacity))
        .values(taken=Series.taken + 1)
        .execution_options(synchronize_session=False)
    )
    won = cast("CursorResult[object]", db.session.execute(statement)).rowcount == 1
    _forget(series_id)
    return won


def release_seat(series_id: int) -> None:
    """Gives one place back."""
    db.session.execute(
        update(Series)
        .where(Series.id == series_id, Series.taken > 0)
        .values(taken=Series.taken - 1)
        .execution_options(synchronize_session=False)
    )
    _forget(series_id)


def take_seats(series_id: int, wanted: int) -> int:
    """Draws up to `wanted` places at once; answers how many were won."""
    if wanted <= 0:
        return 0
    query = select(Series.capacity, Series.taken).where(Series.id == series_id).with_for_update(key_share=True)
    capacity, taken = db.session.execute(query).one()
    won: int = wanted if capacity is None else max(0, min(wanted, capacity - taken))
    if won:
        db.session.execute(
            update(Series)
            .where(Series.id == series_id)
            .values(taken=Series.taken + won)
            .execution_options(synchronize_session=False)
        )
        _forget(series_id)
    return won


def _forget(series_id: int) -> None:
    known = db.session.identity_map.get(db.session.identity_key(Series, series_id))
    if known is not None:
        db.session.expire(known, ["taken"])
