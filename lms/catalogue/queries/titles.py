"""The order of series by the titles that the reader sees."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, select

from lms.catalogue.models import SERIES_TITLE, Series
from lms.core.database.session import read
from lms.core.text.translations import reading_key


def title_order() -> ColumnElement[Any]:
    """What a statement that reads series is ordered by to have them by title."""
    rows = read(select(Series.id, *SERIES_TITLE).order_by(Series.id))
    titles: dict[int, Any] = {row.id: reading_key(row) for row in rows}
    places = {id_: place for place, id_ in enumerate(sorted(titles, key=titles.__getitem__))}
    return case(places, value=Series.id) if places else Series.id.expression
