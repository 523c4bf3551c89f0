"""The registrations and the awards that a ledger counts, one by one, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, or_, select, type_coerce
from sqlalchemy.orm import aliased

from lms.certificates.models import Award
from lms.core import clock
from lms.core.db import db
from lms.enrolment.models import Enrolment
from lms.people.models import Person
from lms.reports.counting import Ledger
from lms.reports.queries.ledger import counted_awards, days, later_of_merged

AT_ONCE = 500
_ONESELF = aliased(Person)


@dataclass(frozen=True)
class Deed:
    """A registration or an award. `name` is None of who was erased; `kind` only awards have."""

    id: int
    series_id: int
    day: date
    country: int | None
    person_id: str
    name: str | None
    kind: str | None = None


def registrations(ledger: Ledger, zone: str, after: int | None) -> Iterator[Deed]:
    """Those behind one id, or all."""
    query: Any = (
        select(
            Enrolment.id, Enrolment.series_id, Enrolment.registered_at, Enrolment.registered_country_id,
            _ONESELF.public_id, _ONESELF.full_name, _ONESELF.erased_at,
        )
        .join(Person, Person.id == Enrolment.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
    )  # fmt: skip
    query = _bounded(query, ledger, ledger.registrations, zone, Enrolment.series_id, Enrolment.registered_at)
    countries = ledger.wanted.countries
    if countries is not None:
        query = query.where(_among(Enrolment.registered_country_id, countries))
    later = later_of_merged()
    day_of = days(zone)
    for rows in _batches(query, Enrolment.id, ledger, ledger.registrations, after):
        for id_, series, moment, country, public_id, name, erased_at in rows:
            day = day_of(moment)
            if id_ not in later and _is_of_partner(ledger, country, day):
                yield Deed(id_, series, day, country, public_id, None if erased_at else name)


def certificates(ledger: Ledger, zone: str, after: int | None) -> Iterator[Deed]:
    """Those behind one award's id, or all."""
    query: Any = (
        select(
            Award.id, Award.series_id, type_coerce(Award.kind, String), Award.awarded_at, Person.canonical_id,
            _ONESELF.public_id, _ONESELF.full_name, _ONESELF.erased_at,
        )
        .join(Person, Person.id == Award.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
    )  # fmt: skip
    query = _bounded(query, ledger, ledger.certificates, zone, Award.series_id, None)
    countries = ledger.wanted.countries
    if countries is not None:
        query = query.where(_among(Award.awarded_country_id, countries))
    day_of = days(zone)
    first, last = ledger.from_day or date.min, ledger.to_day or date.max
    for rows in _batches(query, Award.id, ledger, ledger.certificates, after):
        people = {row[4] for row in rows}
        counted = {award.id: award for award in counted_awards({row[1] for row in rows}, people).values()}
        for id_, series, kind, _moment, _person, public_id, name, erased_at in rows:
            if id_ not in counted:
                continue
            day, country = day_of(counted[id_].awarded_at), counted[id_].country
            if first <= day <= last and _is_of_partner(ledger, country, day):
                yield Deed(id_, series, day, country, public_id, None if erased_at else name, kind)


def _batches(
    query: Any, column: Any, ledger: Ledger, series: Collection[int], after: int | None
) -> Iterator[Sequence[Any]]:
    """Newest first, so many at once; none where a filter by source leaves no registrations and certificates."""
    sources = ledger.wanted.values.get("source")
    if not series or (sources is not None and None not in sources):
        return
    query = query.order_by(column.desc()).limit(AT_ONCE)
    while True:
        rows = db.session.connection().execute(query if after is None else query.where(column < after)).all()
        yield rows
        if len(rows) < AT_ONCE:
            return
        after = rows[-1][0]


def _bounded(
    query: Any, ledger: Ledger, series: Mapping[int, Any], zone: str, of_series: Any, moment: Any | None
) -> Any:
    """With the series, the sector, the gender and the period of a ledger."""
    if len(series) < len(ledger.language_of_series):
        query = query.where(of_series.in_(series))
    for name in ("sector", "gender"):
        if name in ledger.wanted.values:
            own = type_coerce(getattr(_ONESELF, name), String)
            query = query.where(_among(own, ledger.wanted.values[name]))
    if moment is None:
        return query
    if ledger.from_day is not None and ledger.from_day.year > 1:
        query = query.where(moment >= _start(ledger.from_day, zone))
    if ledger.to_day is not None and ledger.to_day < date.max:
        query = query.where(moment < _start(ledger.to_day + timedelta(days=1), zone))
    return query


def _start(day: date, zone: str) -> datetime:
    return clock.start_of_day(day, zone)


def _among(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a column has one of these values, of which None is one."""
    given: ColumnElement[bool] = column.in_([value for value in values if value is not None])
    return or_(given, column.is_(None)) if None in values else given


def _is_of_partner(ledger: Ledger, country: int | None, day: date) -> bool:
    partner = ledger.wanted.partner
    return partner is None or (country in ledger.partners_on(day)) is partner
