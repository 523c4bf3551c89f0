"""Lists of nominations: which of them somebody may see, filtered, sorted and counted; and how countries use their
seats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select, true
from sqlalchemy.orm import aliased, contains_eager

from lms.catalogue.models import SERIES_TITLE, Series
from lms.catalogue.queries.loading import title_order
from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_value
from lms.core.text.i18n import name_key, reader_locale
from lms.core.text.sorting import by_name
from lms.core.text.translations import Translations, reader_text
from lms.enrolment.models import CountryQuota
from lms.nominations.models import OPEN, Nomination, NominationState
from lms.people.models import Country, DuplicatePair, Person


@dataclass(frozen=True)
class NominationFilter:
    """Which nominations: `q` in name, address or organisation; the slug of a `series`, the code of a `country`.

    `own`: of the countries that the actor speaks for, whatever else the actor may see.
    """

    q: str = ""
    state: NominationState | None = None
    series: str | None = None
    country: str | None = None
    is_own: bool = False


def visible_to(by: Actor) -> ColumnElement[bool]:
    """Whether somebody may see a nomination: administrators and reporters any, focal points one of their countries."""
    if by.is_reporter:
        return true()
    return Nomination.country_id.in_(by.country_ids) if by.is_focal_point else false()


def matching(filters: NominationFilter, *, by: Actor) -> Select[Any]:
    """The nominations that somebody may see and that a filter holds, joined to their series and country."""
    query = (
        select(Nomination)
        .join(Series, Series.id == Nomination.series_id)
        .join(Country, Country.id == Nomination.country_id)
        .where(visible_to(by))
    )
    if filters.is_own:
        query = query.where(Nomination.country_id.in_(by.country_ids))
    if filters.state is not None:
        query = query.where(Nomination.state == filters.state)
    if filters.series is not None:
        query = query.where(Series.slug == filters.series)
    if filters.country is not None:
        query = query.where(Country.code == filters.country)
    if filters.q:
        columns = (Nomination.full_name, Nomination.native_name, Nomination.email_key, Nomination.organisation)
        typed = {filters.q, filters.q.casefold(), filters.q.title()}  # SQLite knows the case of ASCII letters alone
        query = query.where(or_(*(column.icontains(one, autoescape=True) for column in columns for one in typed)))
    return query


def list_nominations(
    filters: NominationFilter,
    request: ListRequest | None = None,
    *,
    by: Actor,
    country_names: Mapping[str, str] | None = None,
) -> tuple[Sequence[Nomination], int]:
    """A page of the nominations that a filter holds, with their series and country, and how many it holds; all of them
    where no page is asked for.

    The order is by `waiting` (those that wait for a decision first, the longest wait first), `name`, `country` (by
    name, where names are given), `series` or `organisation`.
    """
    query = matching(filters, by=by)
    loaded = query.options(contains_eager(Nomination.series), contains_eager(Nomination.country))
    if request is None:
        return list(db.session.scalars(loaded.order_by(*_order(ListRequest(), {})))), 0
    total = read_value(select(func.count()).select_from(query.with_only_columns(Nomination.id).subquery())) or 0
    page = request.within(total)
    loaded = loaded.order_by(*_order(page, country_names or {})).limit(page.size).offset(page.offset)
    return list(db.session.scalars(loaded)), total


def _order(request: ListRequest, names: Mapping[str, str]) -> list[Any]:
    keys: dict[str, Any] = {
        "name": func.lower(Nomination.full_name),
        "organisation": func.nullif(func.lower(Nomination.organisation), ""),
    }
    if request.sort == "series":
        keys["series"] = title_order()
    if request.sort == "country" and names:
        places = {one: place for place, one in enumerate(sorted(names, key=lambda each: name_key(names[each])))}
        keys["country"] = case(places, value=Country.code)
    key = keys.get(request.sort)
    if key is not None:
        return [key.is_(None), key.desc() if request.descending else key, Nomination.id]
    waits = case((Nomination.state == NominationState.SUBMITTED, 0), else_=1)
    since = func.coalesce(Nomination.submitted_at, Nomination.created_at)
    return [waits, since.desc() if request.descending else since, Nomination.id]


@dataclass(frozen=True)
class KnownNominee:
    """The public id of a person whom a nomination names, and of somebody who may be the same person."""

    public_id: str
    duplicate: str | None


def nominees_known(nominations: Sequence[Nomination]) -> dict[int, KnownNominee]:
    """The people whom these nominations name, by `person_id`. Callers check permission."""
    ids = [nomination.person_id for nomination in nominations if nomination.person_id is not None]
    rows = read(select(Person.id, Person.canonical_id, Person.public_id).where(among(Person.id, ids)))
    first, second = aliased(Person), aliased(Person)
    canonical_ids = [row.canonical_id for row in rows]
    pairs = (
        select(DuplicatePair.first_id, DuplicatePair.second_id, first.public_id, second.public_id)
        .join(first, first.id == DuplicatePair.first_id)
        .join(second, second.id == DuplicatePair.second_id)
        .where(
            DuplicatePair.decided_at.is_(None),
            or_(among(DuplicatePair.first_id, canonical_ids), among(DuplicatePair.second_id, canonical_ids)),
        )
        .order_by(DuplicatePair.score)
    )
    other: dict[int, str] = {}
    for first_id, second_id, first_public, second_public in read(pairs):
        other[first_id], other[second_id] = second_public, first_public
    return {row.id: KnownNominee(row.public_id, other.get(row.canonical_id)) for row in rows}


def list_page(filters: NominationFilter, *, by: Actor, limit: int, cursor: int | None) -> Sequence[Nomination]:
    """The nominations after a cursor in the order in which they were made; one more than `limit`, where there is."""
    query = matching(filters, by=by).options(contains_eager(Nomination.series), contains_eager(Nomination.country))
    if cursor is not None:
        query = query.where(Nomination.id > cursor)
    return list(db.session.scalars(query.order_by(Nomination.id).limit(limit + 1)))


def get_nomination(public_id: str, *, by: Actor) -> Nomination:
    """One nomination. Raises NotFound where there is none that the actor may see."""
    query = matching(NominationFilter(), by=by).where(Nomination.public_id == public_id)
    query = query.options(contains_eager(Nomination.series), contains_eager(Nomination.country))
    nomination: Nomination | None = db.session.scalar(query.execution_options(populate_existing=True))
    if nomination is None:
        raise NotFound
    return nomination


def find_nominated(series_id: int, country_id: int, email_key: str) -> Nomination | None:
    """The open nomination of an address for a series by a country. Callers check permission."""
    query = select(Nomination).where(
        Nomination.series_id == series_id,
        Nomination.country_id == country_id,
        Nomination.email_key == email_key,
        Nomination.state.in_(OPEN),
    )
    return db.session.scalar(query.execution_options(populate_existing=True))


def count_by_state(filters: NominationFilter, *, by: Actor) -> dict[NominationState, int]:
    """How many nominations of a filter are in each state, whatever its own state."""
    query = matching(replace(filters, state=None), by=by).with_only_columns(Nomination.state, func.count())
    counted: dict[NominationState, int] = dict(read(query.group_by(Nomination.state)))
    return {state: counted.get(state, 0) for state in NominationState}


def list_nominated_series(*, by: Actor, is_own: bool = False) -> list[tuple[str, str]]:
    """Slug and title of the series with nominations that the actor may see, by title; `is_own` as in a filter."""
    some = matching(NominationFilter(is_own=is_own), by=by).with_only_columns(
        Nomination.series_id, maintain_column_froms=True
    )
    rows = read(select(Series.slug, *SERIES_TITLE).where(Series.id.in_(some)).order_by(Series.id))
    return by_name([(row.slug, reader_text(row)) for row in rows], reader_locale())


@dataclass(frozen=True)
class CountrySeats:
    """How a country uses the seats that are kept for it (null: none are), and how many of its nominees wait since
    when."""

    code: str
    seats: int | None
    used: int
    waiting: int
    oldest: datetime | None


def list_country_seats(series: str | None, *, by: Actor, at: datetime) -> list[CountrySeats]:
    """The countries that have nominations or seats in a series, or in all: the longest wait first, then those with the
    most seats. Quotas that were released are left out."""
    waits = Nomination.state == NominationState.SUBMITTED
    nominated = matching(NominationFilter(series=series), by=by).with_only_columns(
        Country.code,
        func.count().filter(waits),
        func.min(case((waits, Nomination.submitted_at))),
    )
    waiting = {code: (number, oldest) for code, number, oldest in read(nominated.group_by(Country.code))}
    is_kept = and_(CountryQuota.released_at.is_(None), CountryQuota.kept_until > at)
    quotas = (
        select(Country.code, func.sum(CountryQuota.seats), func.sum(CountryQuota.used))
        .join(Country, Country.id == CountryQuota.country_id)
        .join(Series, Series.id == CountryQuota.series_id)
        .where(is_kept, CountryQuota.country_id.in_(by.country_ids) if not by.is_reporter else true())
        .group_by(Country.code)
    )
    if series is not None:
        quotas = quotas.where(Series.slug == series)
    seats = {code: (int(number), int(used)) for code, number, used in read(quotas)}
    rows = []
    for code in {*waiting, *seats}:
        number, oldest = waiting.get(code, (0, None))
        kept_seats, used = seats.get(code, (None, 0))
        rows.append(CountrySeats(code, kept_seats, used, number, oldest))
    return sorted(rows, key=lambda row: (row.oldest is None, row.oldest or at, -(row.seats or 0), row.code))


@dataclass(frozen=True)
class SeriesWaiting:
    """Nominations of a series that wait for a decision."""

    slug: str
    title: str
    language: str
    text_language: str | None
    translations: Translations
    count: int
    oldest: datetime


def list_waiting_series() -> list[SeriesWaiting]:
    """The series with nominations that wait for a decision, the longest wait first. Callers check permission."""
    query = (
        select(Series.slug, *SERIES_TITLE, func.count(), func.min(Nomination.submitted_at))
        .join(Series, Series.id == Nomination.series_id)
        .where(Nomination.state == NominationState.SUBMITTED)
        .group_by(Series.id)
        .order_by(func.min(Nomination.submitted_at), Series.id)
    )
    return [SeriesWaiting(*row) for row in read(query)]


def letter_keys() -> set[str]:
    """The keys of all letters of endorsement."""
    rows = db.session.scalars(select(Nomination).where(Nomination.letter_digest.is_not(None)))
    return {nomination.letter_key for nomination in rows if nomination.letter_key}
