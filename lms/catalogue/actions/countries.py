"""Whose people series are for, when two countries are merged or parted again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import delete, insert, select, update

from lms.catalogue.models import SeriesCountry
from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.database.bulk import among
from lms.core.database.session import db, read_column
from lms.people.actions.country_moves import moved_ids, note_moved

FOR_MERGED: Final = "series_country.country_id"
FOR_BOTH: Final = "series_country.both"
"""What a merge notes of series that were for one, or for both of the countries: the ids of the series."""


def unite_country(event: CountriesMerged) -> None:
    """Within an action: lets series that are for people of the country that is merged be for those of the one kept."""
    merged, kept_series = (_series_of(one) for one in (event.merged_id, event.kept_id))
    _remove(event.merged_id, merged & kept_series)
    _replace(event.merged_id, event.kept_id, merged - kept_series)
    note_moved(FOR_BOTH, merged & kept_series, event)
    note_moved(FOR_MERGED, merged - kept_series, event)


def part_country(event: CountryMergeUndone) -> None:
    """Within an action: gives both their series back, those that are for people of the country kept until now."""
    kept_series = _series_of(event.kept_id)
    _replace(event.kept_id, event.merged_id, kept_series & set(moved_ids(FOR_MERGED, event)))
    rows = [{"series_id": one, "country_id": event.merged_id} for one in kept_series & set(moved_ids(FOR_BOTH, event))]
    if rows:
        db.session.execute(insert(SeriesCountry), rows)


def _series_of(country_id: int) -> set[int]:
    return set(read_column(select(SeriesCountry.series_id).where(SeriesCountry.country_id == country_id)))


def _remove(country_id: int, series_ids: Collection[int]) -> None:
    listings = (SeriesCountry.country_id == country_id, among(SeriesCountry.series_id, series_ids))
    db.session.execute(delete(SeriesCountry).where(*listings).execution_options(synchronize_session=False))


def _replace(before: int, after: int, series_ids: Collection[int]) -> None:
    listings = (SeriesCountry.country_id == before, among(SeriesCountry.series_id, series_ids))
    write = update(SeriesCountry).where(*listings).values(country_id=after)
    db.session.execute(write.execution_options(synchronize_session=False))
