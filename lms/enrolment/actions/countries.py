"""What becomes of enrolments when two countries are merged, or parted again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select

from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.database.bulk import among
from lms.core.database.cache_versions import touch
from lms.core.database.session import read, read_column
from lms.enrolment import quota_merges, seats
from lms.enrolment.models import REGISTRATIONS, CountryQuota, Enrolment, EnrolmentStatus, SeatKind
from lms.people.actions.country_moves import move_back, move_rows, moved_rows


def unite_country(event: CountriesMerged) -> None:
    """Within an action: moves registrations, seats and quotas to the kept country, and gives its reserved seats to
    waiting people.
    """
    quota_merges.unite_quotas(event)
    move_rows(Enrolment.registered_country_id, event)
    move_rows(Enrolment.seat_country_id, event)
    _touch(moved_rows(Enrolment.registered_country_id, event))
    series_ids = select(CountryQuota.series_id).where(
        CountryQuota.country_id == event.kept_id, CountryQuota.released_at.is_(None)
    )
    for series_id in read_column(series_ids.order_by(CountryQuota.series_id)):
        seats.promote(series_id, by=event.by, at=event.at)


def part_country(event: CountryMergeUndone) -> None:
    """Within an action: gives registrations, seats and quotas back."""
    returning = _seats_that_return(event)
    series_ids = quota_merges.series_with_quotas(event)
    for series_id in series_ids:
        quota_merges.part_quota(series_id, returning[series_id], event)
    _touch(moved_rows(Enrolment.registered_country_id, event))
    move_back(Enrolment.registered_country_id, event)
    move_back(Enrolment.seat_country_id, event)
    for series_id in series_ids:
        seats.promote(series_id, by=event.by, at=event.at)


def _seats_that_return(event: CountryMergeUndone) -> dict[int, list[int | None]]:
    """Whose seats of the quota go back, by series: those that were moved and are still held."""
    query = select(Enrolment.series_id, Enrolment.person_id).where(
        among(Enrolment.id, moved_rows(Enrolment.seat_country_id, event)),
        Enrolment.seat_country_id == event.kept_id,
        Enrolment.seat_kind == SeatKind.QUOTA,
        Enrolment.status == EnrolmentStatus.ENROLLED,
    )
    seats: dict[int, list[int | None]] = defaultdict(list)
    for series_id, person_id in read(query.order_by(Enrolment.id)):
        seats[series_id].append(person_id)
    return seats


def _touch(row_ids: Collection[int]) -> None:
    """Says that registrations of these rows count under another country."""
    series = select(Enrolment.series_id).where(among(Enrolment.id, row_ids)).distinct()
    touch(REGISTRATIONS, read_column(series) if row_ids else [])
