"""Seats that are kept for countries, and whether the seats of a series, its quotas and their ledger agree."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select

from lms.catalogue.models import Series
from lms.core.database.session import read, read_column
from lms.core.text.i18n import _
from lms.enrolment.models import CountryQuota, Enrolment, EnrolmentSource, EnrolmentStatus, SeatEntry, SeatKind

Seats = Mapping[tuple[int, SeatKind, int | None], int]
"""How many seats of a series are taken, by how they were got and, where of a quota, of which country's."""


def seat_differences(held: Seats) -> Iterator[str]:
    """Says, a line each, where the counted seats of a series differ from the ledger and from the rows that have one.

    `held`: the seats that are held for people who are not enrolled yet.
    """
    slugs: dict[int, str] = {}
    entered, rows = _entered(), Counter(_enrolled()) + Counter(held)
    quotas: dict[tuple[int, int], int] = {}
    reserved: Counter[int] = Counter()
    for series, country, used, left in _quotas():
        quotas[series, country] = used
        reserved[series] += left
    counts_of_series = select(Series.id, Series.slug, Series.taken, Series.held, Series.reserved).order_by(Series.id)
    for series, slug, taken, counted_held, counted_reserved in read(counts_of_series):
        slugs[series] = slug
        yield from _differs(slug, _("places taken"), taken, _in(entered, series), _in(rows, series))
        yield from _differs(slug, _("places held for nominees"), counted_held, _in(held, series))
        yield from _differs(slug, _("places kept for countries"), counted_reserved, reserved[series])
    for series, kind, country in sorted({*entered, *rows}, key=str):
        key = (series, kind, country)
        counts = [entered.get(key, 0), rows.get(key, 0)]
        if kind is SeatKind.QUOTA:
            counts.append(quotas.get((series, country or 0), 0))
        yield from _differs(slugs[series], _("places got as “%(kind)s”", kind=kind.value), *counts)


def _differs(slug: str, what: str, *numbers: int) -> Iterator[str]:
    if len(set(numbers)) > 1:
        yield f"{slug}: {what}: {', '.join(map(str, numbers))}"


def _in(seats: Seats, series_id: int) -> int:
    return sum(number for (series, _kind, _country), number in seats.items() if series == series_id)


def _entered() -> dict[tuple[int, SeatKind, int | None], int]:
    """The sums of the ledger."""
    country: Any = case((SeatEntry.kind == SeatKind.QUOTA, SeatEntry.country_id))
    query = select(SeatEntry.series_id, SeatEntry.kind, country, func.sum(SeatEntry.change))
    rows = read(query.group_by(SeatEntry.series_id, SeatEntry.kind, country))
    return {(series, kind, country): number for series, kind, country, number in rows if number}


def _enrolled() -> dict[tuple[int, SeatKind, int | None], int]:
    """The enrolled, by the seat that each has."""
    query = select(Enrolment.series_id, Enrolment.seat_kind, Enrolment.seat_country_id, func.count())
    query = query.where(Enrolment.status == EnrolmentStatus.ENROLLED)
    rows = read(query.group_by(Enrolment.series_id, Enrolment.seat_kind, Enrolment.seat_country_id))
    return {(series, kind or SeatKind.OPEN, country): number for series, kind, country, number in rows}


def _quotas() -> Sequence[Any]:
    """The quotas: series, country, seats used, and seats that are still kept."""
    unused = case((CountryQuota.released_at.is_(None), CountryQuota.seats - CountryQuota.used), else_=0)
    return read(select(CountryQuota.series_id, CountryQuota.country_id, CountryQuota.used, unused))


def count_quota_seats(series_ids: Collection[int], country_id: int) -> dict[int, dict[EnrolmentSource, int]]:
    """How many seats of a country's quotas people have who are enrolled, by series and how they came into it.

    Callers check permission.
    """
    query = (
        select(Enrolment.series_id, Enrolment.source, func.count())
        .where(
            Enrolment.series_id.in_(series_ids),
            Enrolment.seat_country_id == country_id,
            Enrolment.seat_kind == SeatKind.QUOTA,
            Enrolment.status == EnrolmentStatus.ENROLLED,
        )
        .group_by(Enrolment.series_id, Enrolment.source)
    )
    counted: dict[int, dict[EnrolmentSource, int]] = {}
    for series_id, source, count in read(query):
        counted.setdefault(series_id, {})[source] = count
    return counted


def kept_seats(series_id: int) -> dict[int, int]:
    """Country → how many seats are kept for it and free."""
    query = select(CountryQuota.country_id, CountryQuota.seats - CountryQuota.used).where(
        CountryQuota.series_id == series_id, CountryQuota.released_at.is_(None), CountryQuota.seats > CountryQuota.used
    )
    return dict(read(query))


def kept_countries(series_id: int, at: datetime) -> set[int]:
    """The countries for which seats are kept at a moment, free or taken."""
    query = select(CountryQuota.country_id).where(
        CountryQuota.series_id == series_id, CountryQuota.released_at.is_(None), CountryQuota.kept_until > at
    )
    return set(read_column(query))


def seats_for(claims: Counter[int | None], reserved: Mapping[int, int], free: int | None) -> int:
    """How many people, counted by country, get a seat: of those kept for their country first, then of the free ones."""
    of_quotas = sum(min(number, claims[country_id]) for country_id, number in reserved.items())
    others = claims.total() - of_quotas
    return of_quotas + (others if free is None else min(others, free))
