"""What stands behind one group: the ledger of a slice, narrowed to the group's keys. No database, no clock."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from lms.reports.counting import Ledger, Wanted

_NOBODY: frozenset[int | None] = frozenset()


def narrowed(ledger: Ledger, keys: Mapping[str, Hashable]) -> Ledger:
    """The ledger of one group of a slice; `keys` has the inner key of each dimension that the group is of."""
    for name, value in keys.items():
        ledger = _narrowed(ledger, name, value)
    return ledger


def _narrowed(ledger: Ledger, name: str, value: Hashable) -> Ledger:
    if name in {"country", "region"}:
        of_region: dict[int | None, str | None] = {None: None}
        of_region.update(ledger.region_of.items())
        within = {
            country for country, region in of_region.items() if value == (country if name == "country" else region)
        }
        return _among(ledger, frozenset(within))
    if name in {"year", "month"}:
        return _during(ledger, str(value))
    if name in {"series", "language"}:
        languages = ledger.language_of_series
        series = {id_ for id_ in languages if value == (id_ if name == "series" else languages[id_])}
        return replace(
            ledger,
            held=[one for one in ledger.held if value == (one.series_id if name == "series" else one.language)],
            registrations={id_: deeds for id_, deeds in ledger.registrations.items() if id_ in series},
            certificates={id_: deeds for id_, deeds in ledger.certificates.items() if id_ in series},
        )
    wanted = ledger.wanted
    own = frozenset({value if value is None else str(value)})
    values = {**wanted.values, name: own & wanted.values.get(name, own)}
    return replace(ledger, wanted=Wanted(wanted.countries, wanted.partner, values))


def _among(ledger: Ledger, countries: frozenset[int | None]) -> Ledger:
    wanted = ledger.wanted
    if wanted.countries is not None:
        countries &= wanted.countries
    return replace(ledger, wanted=Wanted(countries, wanted.partner, wanted.values))


def _during(ledger: Ledger, period: str) -> Ledger:
    """Of a year ("2024") or a month ("2024-03"); of any other word nothing."""
    first, last = days_of(period)
    first, last = max(first, ledger.from_day or first), min(last, ledger.to_day or last)
    if first > last:
        return replace(ledger, held=[], registrations={}, certificates={})
    held = [one for one in ledger.held if first <= one.day <= last]
    return replace(ledger, held=held, from_day=first, to_day=last)


def days_of(period: str) -> tuple[date, date]:
    """The first and last day of a year or a month; turned round where there is no such one."""
    try:
        year, month = int(period[:4]), int(period[5:]) if "-" in period else None
        first = date(year, month or 1, 1)
        after = date(year + 1, 1, 1) if month in (None, 12) else date(year, (month or 0) + 1, 1)
    except ValueError:
        return date.max, date.min
    return first, after - timedelta(days=1)
