"""One person's places, and a country's people."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    and_,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import contains_eager

from lms.catalogue.models import Series
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus, SeatEntry
from lms.enrolment.queries.rows import Registered, day_of, speaking
from lms.people.models import Country, Person
from lms.people.queries.countries import belonging_to
from lms.people.queries.finding import is_found
from lms.people.queries.persons import addresses_of


@dataclass(frozen=True)
class CountryPerson:
    """One of a country's people: in how many series enrolled, waiting, applied."""

    person: Person
    email: str | None
    enrolled: int
    waiting: int
    applied: int


@dataclass(frozen=True)
class CountryTotals:
    """A country's people now: known, enrolled somewhere (distinct people), and places by state."""

    people: int
    people_enrolled: int
    enrolled: int
    waiting: int
    applied: int


def duplicates_of(person_id: int) -> list[list[Enrolment]]:
    """Returns, for each series in which a person has several rows after a merge, those rows."""
    by_series: dict[int, list[Enrolment]] = {}
    for row in db.session.scalars(speaking(Enrolment).where(Person.id == person_id).order_by(Enrolment.series_id)):
        by_series.setdefault(row.series_id, []).append(row)
    return [rows for rows in by_series.values() if len(rows) > 1]


def list_of_person(person_id: int) -> list[Enrolment]:
    """A person's places with their series, the latest registration first."""
    query = speaking(Enrolment).join(Enrolment.series).where(Person.id == person_id)
    query = query.options(contains_eager(Enrolment.series))
    return list(db.session.scalars(query.order_by(Enrolment.registered_at.desc())))


def export_of_person(person_id: int) -> list[dict[str, Any]]:
    """All that is stored of a person's places, plain, for the person."""
    query = (
        select(Enrolment, Series.slug, Series.title, Country.code)
        .join(Registered, Registered.id == Enrolment.person_id)
        .join(Series, Series.id == Enrolment.series_id)
        .outerjoin(Country, Country.id == Enrolment.registered_country_id)
        .where(Registered.canonical_id == person_id)
        .order_by(Enrolment.registered_at)
    )
    return [
        {
            "id": row.public_id,
            "series": slug,
            "title": title,
            "status": row.status.value,
            "source": row.source.value,
            "country": country,
            **{
                name: moment.isoformat() if (moment := getattr(row, name)) is not None else None
                for name in ("registered_at", "queued_at", "enrolled_at", "withdrawn_at", "profile_shared_at")
            },
            **{
                f"required_{name}": getattr(row, f"required_{name}")
                for name in ("lectures", "minutes", "percent", "checks", "feedback")
            },
        }
        for row, slug, title, country in db.session.execute(query)
    ]


def export_of_seats(person_id: int) -> list[dict[str, Any]]:
    """All entries of the ledgers of seats that are about a person, plain, for the person."""
    query = (
        select(SeatEntry, Series.slug, Country.code)
        .join(Registered, Registered.id == SeatEntry.person_id)
        .join(Series, Series.id == SeatEntry.series_id)
        .outerjoin(Country, Country.id == SeatEntry.country_id)
        .where(Registered.canonical_id == person_id)
        .order_by(SeatEntry.id)
    )
    return [
        {
            "series": slug,
            "at": entry.at.isoformat(),
            "change": entry.change,
            "kind": entry.kind.value,
            "why": entry.why.value,
            "country": country,
        }
        for entry, slug, country in db.session.execute(query)
    ]


def list_country_people(
    country_ids: Collection[int],
    *,
    by: Actor,
    limit: int,
    cursor: int | None = None,
    q: str | None = None,
    at: datetime | None = None,
) -> list[CountryPerson]:
    """Up to `limit + 1` of these countries' people by name, after the person whose id is `cursor`."""
    _check_countries(country_ids, by)
    query = select(Person).where(_are_of(country_ids, at)).order_by(Person.sort_name, Person.id).limit(limit + 1)
    if q:
        query = query.where(is_found(q))
    if cursor is not None:
        last = select(Person.sort_name).where(Person.id == cursor).scalar_subquery()
        query = query.where(tuple_(Person.sort_name, Person.id) > tuple_(last, cursor))
    people: list[Person] = list(db.session.scalars(query))
    ids = [person.id for person in people]
    addresses = addresses_of(ids)
    counted: dict[tuple[int, EnrolmentStatus], int] = {}
    rows = speaking(Person.id, Enrolment.status, func.count()).where(Person.id.in_(ids))
    for person_id, status, count in db.session.execute(rows.group_by(Person.id, Enrolment.status)):
        counted[person_id, status] = count
    return [
        CountryPerson(
            person=person,
            email=addresses.get(person.id),
            enrolled=counted.get((person.id, EnrolmentStatus.ENROLLED), 0),
            waiting=counted.get((person.id, EnrolmentStatus.WAITLISTED), 0),
            applied=counted.get((person.id, EnrolmentStatus.APPLIED), 0),
        )
        for person in people
    ]


Places = dict[int, dict[EnrolmentStatus, int]]
"""The number of people in each series, by state; a series without any has no entry."""


def country_standing(
    country_ids: Collection[int], *, by: Actor, at: datetime | None = None
) -> tuple[CountryTotals, Places]:
    """The number of people of these countries and their states, in total and by series: in one query, since finding
    people of a country is most of its work. Erased people are counted in the places by series only.
    """
    _check_countries(country_ids, by)
    of_countries = belonging_to(country_ids, day_of(at)).cte("own")
    theirs, known = Person.id.in_(select(of_countries.c[0])), Person.erased_at.is_(None)
    none = cast(null(), Integer)
    by_series: Any = (
        speaking(Enrolment.series_id, type_coerce(Enrolment.status, String), func.count(), func.count().filter(known))
        .where(theirs)
        .group_by(Enrolment.series_id, Enrolment.status)
    )
    people: Any = select(none, literal("people", String), func.count(), none).select_from(Person).where(theirs, known)
    enrolled: Any = speaking(none, literal("people_enrolled", String), func.count(Person.id.distinct()), none).where(
        theirs, known, Enrolment.status == EnrolmentStatus.ENROLLED
    )
    places: Places = {}
    totals: Counter[str] = Counter()
    for series_id, what, count, of_known in db.session.execute(union_all(by_series, people, enrolled)):
        if series_id is None:
            totals[what] = count
        else:
            places.setdefault(series_id, {})[EnrolmentStatus(what)] = count
            totals[what] += of_known
    return (
        CountryTotals(
            people=totals["people"],
            people_enrolled=totals["people_enrolled"],
            enrolled=totals[EnrolmentStatus.ENROLLED],
            waiting=totals[EnrolmentStatus.WAITLISTED],
            applied=totals[EnrolmentStatus.APPLIED],
        ),
        places,
    )


@dataclass(frozen=True)
class Undecided:
    """How many of some countries' people wait in a series: nominated or applied and not decided, or for a place."""

    series_id: int
    nominated: int
    applied: int
    waiting: int


def list_undecided(country_ids: Collection[int], *, by: Actor, at: datetime | None = None) -> list[Undecided]:
    """Where people of these countries wait, by series; series without any are left out.

    *Nominated* are those whom a focal point named, *applied* all others who wait for a decision; on the waiting list
    are both.
    """
    _check_countries(country_ids, by)
    is_nominated = Enrolment.source == EnrolmentSource.NOMINATION
    applied, waiting = (Enrolment.status == state for state in (EnrolmentStatus.APPLIED, EnrolmentStatus.WAITLISTED))
    query = (
        speaking(
            Enrolment.series_id,
            func.count().filter(applied, is_nominated),
            func.count().filter(applied, not_(is_nominated)),
            func.count().filter(waiting),
        )
        .where(_are_of(country_ids, at), or_(applied, waiting))
        .group_by(Enrolment.series_id)
        .order_by(Enrolment.series_id)
    )
    return [Undecided(*row) for row in db.session.execute(query)]


def _are_of(country_ids: Collection[int], at: datetime | None) -> ColumnElement[bool]:
    """Whether a `Person` is somebody of these countries, and known still."""
    return and_(Person.id.in_(belonging_to(country_ids, day_of(at))), Person.erased_at.is_(None))


def _check_countries(country_ids: Collection[int], by: Actor) -> None:
    if not (by.is_reporter or (by.is_focal_point and set(country_ids) <= by.country_ids)):
        raise Forbidden
