"""The ledger of seats, their states, and quotas: all for readers of everything, for focal points the part of their
countries.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from lms.catalogue.models import Series
from lms.core.base.errors import Forbidden
from lms.core.base.events import NomineesAsked, publish
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import read, read_column, read_value, shared_alias
from lms.core.time import clock
from lms.enrolment.models import CountryQuota, SeatEntry, SeatKind, SeatReason
from lms.enrolment.queries.rows import day_of, having_name
from lms.people.models import Country, Person
from lms.people.queries.countries import belonging_to, countries_meant

_Named = shared_alias(Person, name="named")
_By = shared_alias(Person, name="acted")


@dataclass(frozen=True)
class LedgerLine:
    """An entry of the ledger with the people and the country that it names, by their current names.

    `person_id` is null for a nominee who is not yet a person, `full_name` for somebody who was erased, and both where
    the reader may not know the person. `nominee`: the name of the nominee that the seat is held for.
    """

    id: int
    at: datetime
    change: int
    kind: SeatKind
    why: SeatReason
    waited_since: datetime | None
    number: int | None
    country: str | None
    person_id: str | None
    full_name: str | None
    by_id: str | None
    by_name: str | None
    nominee: str | None = None

    @property
    def is_own_act(self) -> bool:
        """Whether the person did it."""
        return self.by_id is not None and self.by_id == self.person_id

    @property
    def waited_days(self) -> int | None:
        """How many days the person had waited."""
        return None if self.waited_since is None else (self.at - self.waited_since).days


@dataclass(frozen=True)
class QuotaLine:
    """The quota of one country."""

    country: str
    seats: int
    used: int
    kept_until: datetime
    released_at: datetime | None


def check_can_read_seats(by: Actor) -> None:
    """Raises Forbidden but for administrators, reporters, and focal points, who read what is of their countries."""
    if not by.is_reporter and not by.is_focal_point:
        raise Forbidden


def list_ledger(
    series: Series, request: ListRequest, *, country_names: Mapping[str, str], by: Actor
) -> tuple[list[LedgerLine], int]:
    """One page of the ledger and how many entries the filter holds. `q` is a part of a name, or of a country's name in
    the reader's language."""
    check_can_read_seats(by)
    held = _held_by(series.id, request, country_names, by)
    total = read_value(_joined(select(func.count())).where(*held)) or 0
    page = request.within(total)
    query = _ordered(_entries().where(*held), descending=request.descending)
    return _lines(series.id, read(query.limit(page.size).offset(page.offset)), by), total


AT_ONCE = 2000


def read_ledger(
    series: Series, request: ListRequest, *, country_names: Mapping[str, str], by: Actor
) -> Iterator[LedgerLine]:
    """All entries that the filter holds, some thousand at a time."""
    check_can_read_seats(by)
    return _read_all(series.id, _held_by(series.id, request, country_names, by), by, descending=request.descending)


def _read_all(
    series_id: int, held: Collection[ColumnElement[bool]], by: Actor, *, descending: bool
) -> Iterator[LedgerLine]:
    last: int | None = None
    while True:
        query = _ordered(_entries().where(*held), descending=descending).limit(AT_ONCE)
        if last is not None:
            query = query.where(SeatEntry.id < last if descending else SeatEntry.id > last)
        lines = _lines(series_id, read(query), by)
        yield from lines
        if len(lines) < AT_ONCE:
            return
        last = lines[-1].id


def ledger_after(series: Series, cursor: int | None, *, limit: int, by: Actor) -> list[LedgerLine]:
    """Up to `limit + 1` entries in their order, after the one whose id is `cursor`."""
    check_can_read_seats(by)
    query = _entries().where(*_visible(series.id, by), SeatEntry.id > (cursor or 0))
    return _lines(series.id, read(query.order_by(SeatEntry.id).limit(limit + 1)), by)


def _visible(series_id: int, by: Actor) -> list[ColumnElement[bool]]:
    """The entries of a series that somebody may read."""
    conditions = [SeatEntry.series_id == series_id]
    if not by.is_reporter:
        conditions.append(SeatEntry.country_id.in_(by.country_ids))
    return conditions


def _lines(series_id: int, rows: Sequence[Any], by: Actor) -> list[LedgerLine]:
    """Entries with the names that the reader may know: a focal point knows the people of their countries
    today, and no other."""
    lines = [LedgerLine(*row) for row in rows]
    if not by.is_reporter:
        lines = _without_others(lines, by)
    nominees = tuple({line.nominee for line in lines if line.nominee and line.person_id is None})
    names = (
        nominee_names(NomineesAsked(by=by, at=clock.now(), series_id=series_id, nominees=nominees)) if nominees else {}
    )
    return [replace(line, nominee=names.get(line.nominee or "")) for line in lines]


def _without_others(lines: list[LedgerLine], by: Actor) -> list[LedgerLine]:
    ids = {one for line in lines for one in (line.person_id, line.by_id) if one is not None}
    of_countries = belonging_to(by.country_ids, day_of(clock.now()))
    known = set(read_column(select(Person.public_id).where(among(Person.public_id, ids), Person.id.in_(of_countries))))
    return [
        replace(
            line,
            person_id=line.person_id if line.person_id in known else None,
            full_name=line.full_name if line.person_id in known else None,
            by_id=line.by_id if line.by_id in known else None,
            by_name=line.by_name if line.by_id in known else None,
        )
        for line in lines
    ]


def nominee_names(question: NomineesAsked) -> dict[str, str]:
    """The names of nominees that the reader may know, by the id of the nomination."""
    publish(question)
    return question.names


def _held_by(
    series_id: int, request: ListRequest, country_names: Mapping[str, str], by: Actor
) -> list[ColumnElement[bool]]:
    conditions = _visible(series_id, by)
    if "kind" in request.filters:
        conditions.append(SeatEntry.kind == SeatKind(request.filters["kind"]))
    if request.q:
        part = request.q.casefold()
        codes = [code for code, name in country_names.items() if part in name.casefold()]
        codes += countries_meant(request.q, country_names)
        named = nominee_names(NomineesAsked(by=by, at=clock.now(), series_id=series_id, q=request.q))
        conditions.append(or_(_has_name(request.q, by), Country.code.in_(codes), among(SeatEntry.nominee, named)))
    return conditions


def _has_name(q: str, by: Actor) -> ColumnElement[bool]:
    if by.is_reporter:
        return having_name(q)
    return and_(having_name(q), Person.id.in_(belonging_to(by.country_ids, day_of(clock.now()))))


def _joined(query: Any) -> Any:
    """An entry with the person as of today, their country then, and who acted."""
    return (
        query.select_from(SeatEntry)
        .outerjoin(_Named, _Named.id == SeatEntry.person_id)
        .outerjoin(Person, Person.id == _Named.canonical_id)
        .outerjoin(_By, _By.id == SeatEntry.by_person_id)
        .outerjoin(Country, Country.id == SeatEntry.country_id)
    )


def _entries() -> Any:
    """The query of entries, with the columns that `_lines` reads."""
    return _joined(
        select(
            SeatEntry.id,
            SeatEntry.at,
            SeatEntry.change,
            SeatEntry.kind,
            SeatEntry.why,
            SeatEntry.waited_since,
            SeatEntry.number,
            Country.code,
            Person.public_id,
            Person.full_name,
            _By.public_id,
            _By.full_name,
            SeatEntry.nominee,
        )
    )


def _ordered(query: Any, *, descending: bool) -> Any:
    return query.order_by(SeatEntry.id.desc() if descending else SeatEntry.id)


def count_seats(series: Series, *, by: Actor) -> dict[SeatKind, int]:
    """How many seats are taken, by how they were got; for focal points, of their countries."""
    check_can_read_seats(by)
    query = select(SeatEntry.kind, func.sum(SeatEntry.change)).where(*_visible(series.id, by))
    counted = dict(read(query.group_by(SeatEntry.kind)))
    return {kind: int(counted.get(kind, 0)) for kind in SeatKind}


def list_quotas(series: Series, *, by: Actor) -> list[QuotaLine]:
    """The quotas of a series by code of the country: all for those who read everything, their own for focal points."""
    query = (
        select(Country.code, CountryQuota.seats, CountryQuota.used, CountryQuota.kept_until, CountryQuota.released_at)
        .join(Country, Country.id == CountryQuota.country_id)
        .where(CountryQuota.series_id == series.id)
        .order_by(Country.code)
    )
    if not by.is_reporter:
        if not by.is_focal_point:
            raise Forbidden
        query = query.where(CountryQuota.country_id.in_(by.country_ids))
    return [QuotaLine(*row) for row in read(query)]
