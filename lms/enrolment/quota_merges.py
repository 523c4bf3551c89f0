"""Quotas of two countries that are merged, and of a merge that is undone.

The numbers of taken, held and reserved seats of a series in total are the same before and after.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.database.session import db, read_column
from lms.enrolment import seats
from lms.enrolment.models import CountryQuota, Enrolment, EnrolmentStatus, SeatKind
from lms.people.models import CountryMerge

BEFORE: Final = "quotas"
"""Under this name a merge keeps what the quotas of both were, by series."""


def unite_quotas(event: CountriesMerged) -> None:
    """Makes the quota of the country that is merged part of the quota of the one kept, in each series."""
    merge = db.session.get_one(CountryMerge, event.merge_id)
    noted: dict[str, Any] = dict(merge.before.get(BEFORE, {}))
    series_ids = select(CountryQuota.series_id).where(CountryQuota.country_id == event.merged_id)
    for series_id in read_column(series_ids.order_by(CountryQuota.series_id)):
        series = seats.lock(series_id, at=event.at)
        kept_quota, merged = (seats.find_quota(series_id, one) for one in (event.kept_id, event.merged_id))
        if merged is not None:
            noted.setdefault(str(series_id), {"kept": _as_json(kept_quota), "merged": _as_json(merged)})
            _unite(series, kept_quota, merged, event)
    if noted:
        merge.before = {**merge.before, BEFORE: noted}


def _unite(series: Series, kept_quota: CountryQuota | None, merged: CountryQuota, event: CountriesMerged) -> None:
    people: list[int | None] = list(_seated(series.id, event.merged_id))
    people += [None] * (merged.used - len(people))
    if kept_quota is None:
        kept_quota = CountryQuota(series_id=series.id, country_id=event.kept_id, seats=0, used=0)
        kept_quota.kept_until, kept_quota.released_at = merged.kept_until, merged.released_at
        db.session.add(kept_quota)
    number, kept_until, released_at = _united(kept_quota, merged)
    kept_quota.seats, kept_quota.used = number, kept_quota.used + merged.used
    kept_quota.kept_until, kept_quota.released_at = kept_until, released_at
    db.session.delete(merged)
    db.session.flush()
    seats.transfer(series.id, event.merged_id, event.kept_id, people, by=event.by, at=event.at)
    seats.enter_quotas(series, [kept_quota], by=event.by, at=event.at)


def _united(first: CountryQuota, other: CountryQuota) -> tuple[int, datetime, datetime | None]:
    """Seats, end and release of two quotas together. What a released one had not used is for everybody by now."""
    if first.released_at is None and other.released_at is None:
        return first.seats + other.seats, max(first.kept_until, other.kept_until), None
    if first.released_at is not None and other.released_at is not None:
        ends = max(first.kept_until, other.kept_until)
        return first.seats + other.seats, ends, max(first.released_at, other.released_at)
    current, released = (first, other) if first.released_at is None else (other, first)
    return current.seats + released.used, current.kept_until, None


def series_with_quotas(event: CountryMergeUndone) -> list[int]:
    """The series whose quotas a merge united."""
    merge = db.session.get_one(CountryMerge, event.merge_id)
    return sorted(int(series_id) for series_id in merge.before.get(BEFORE, {}))


def part_quota(series_id: int, people: Sequence[int | None], event: CountryMergeUndone) -> None:
    """Gives the quota back that a country had in a series, with the seats of these people (null: of nominees).

    It gets the size back that it had as far as the seats have not been taken since.
    """
    series = seats.lock(series_id, at=event.at)
    kept_quota, merged = (seats.find_quota(series_id, one) for one in (event.kept_id, event.merged_id))
    if kept_quota is None:  # its end was an administrator's, and no seat of it was taken
        return
    noted = db.session.get_one(CountryMerge, event.merge_id).before[BEFORE][str(series_id)]
    before, other = noted["kept"], noted["merged"]
    if merged is None:
        merged = CountryQuota(series_id=series_id, country_id=event.merged_id, seats=0, used=0)
        merged.kept_until, merged.released_at = _time(other["kept_until"]), _time(other["released_at"])
        merged.released_at = merged.released_at or kept_quota.released_at
        db.session.add(merged)
    if before is not None and kept_quota.kept_until == max(_time(before["kept_until"]), _time(other["kept_until"])):
        kept_quota.kept_until = _time(before["kept_until"])
    only_one_released = before is not None and bool(before["released_at"]) is not bool(other["released_at"])
    brought = other["used"] if only_one_released and other["released_at"] else other["seats"]
    _give(kept_quota, merged, number=len(people), size=brought)
    if only_one_released:  # the size of a released quota keeps nothing from anybody
        released, was = (merged, other) if other["released_at"] else (kept_quota, before)
        released.released_at = released.released_at or _time(was["released_at"])
        released.seats = max(released.seats, was["seats"])
    db.session.flush()
    quotas = [kept_quota, merged]
    for quota in quotas:
        if quota.seats == 0:
            db.session.delete(quota)
    db.session.flush()
    seats.transfer(series_id, event.kept_id, event.merged_id, people, by=event.by, at=event.at)
    seats.enter_quotas(series, quotas, by=event.by, at=event.at)


def _give(kept_quota: CountryQuota, merged: CountryQuota, *, number: int, size: int) -> None:
    """Moves a number of taken seats to the other quota, which gets this size if enough seats are unused for it."""
    further = number - min(number, merged.seats - merged.used)
    merged.used, merged.seats = merged.used + number, merged.seats + further
    kept_quota.used, kept_quota.seats = kept_quota.used - number, kept_quota.seats - further
    unused = min(max(0, size - merged.seats), kept_quota.seats - kept_quota.used)
    merged.seats, kept_quota.seats = merged.seats + unused, kept_quota.seats - unused


def _seated(series_id: int, country_id: int) -> Sequence[int]:
    """The people with a seat of a country's quota."""
    query = select(Enrolment.person_id).where(
        Enrolment.series_id == series_id,
        Enrolment.seat_country_id == country_id,
        Enrolment.seat_kind == SeatKind.QUOTA,
        Enrolment.status == EnrolmentStatus.ENROLLED,
    )
    enrolment_ids: Sequence[int] = read_column(query.order_by(Enrolment.id))
    return enrolment_ids


def _as_json(quota: CountryQuota | None) -> Mapping[str, Any] | None:
    if quota is None:
        return None
    released = quota.released_at.isoformat() if quota.released_at is not None else None
    return {
        "seats": quota.seats,
        "used": quota.used,
        "kept_until": quota.kept_until.isoformat(),
        "released_at": released,
    }


def _time(text: str | None) -> Any:
    return datetime.fromisoformat(text) if text else None
