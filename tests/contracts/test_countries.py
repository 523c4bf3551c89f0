"""Whatever refers to a country is moved when it is merged into another, or keeps it for a reason."""

from __future__ import annotations

import pytest
from apiflask import APIFlask

from lms.core.base import events
from lms.core.database.session import Base

MOVED = {
    "award.awarded_country_id",
    "country_quota.country_id",
    "enrolment.registered_country_id",
    "enrolment.seat_country_id",
    "nomination.country_id",
    "opening_row.country_id",
    "partnership.country_id",
    "person_country.country_id",
    "profile_request.country_id",
    "role_grant.country_id",
    "series_country.country_id",
    "viewing_group.country_id",
}
KEPT = {
    "country.merged_into_id": "says that it is merged",
    "country_merge.kept_id": "the merge",
    "country_merge.merged_id": "the merge",
    "seat_entry.country_id": "entries of the ledger never change: a merge adds entries",
    "snapshot.country_id": "a published report stays as it was published",
    "snapshot_dossier.country_id": "as the report that it was published with",
}


def references() -> dict[str, str]:
    """Each column that refers to a country, with the slice of its table."""
    return {
        f"{mapper.local_table.name}.{column.name}": mapper.class_.__module__.split(".")[1]
        for mapper in Base.registry.mappers
        for column in mapper.local_table.columns
        if any(key.column.table.name == "country" for key in column.foreign_keys)
    }


@pytest.mark.usefixtures("app")
def test_each_reference_to_a_country_is_moved_or_kept() -> None:
    assert MOVED.isdisjoint(KEPT)
    assert set(references()) == MOVED | set(KEPT)


def test_each_slice_that_refers_to_countries_has_handlers(app: APIFlask) -> None:
    slices = {name for column, name in references().items() if column in MOVED} - {"people"}
    for event in (events.CountriesMerged, events.CountryMergeUndone):
        handlers = app.extensions[events.KEY].handlers.get(event, [])
        assert slices <= {handler.__module__.split(".")[1] for handler in handlers}
