"""How enrolments are joined to who people are today, and looked up one by one.

A person is read through `canonical_id`; a row that a merge superseded speaks for nobody.
Ids of people that come out of here are canonical, and so are those that go in.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, or_, select
from sqlalchemy.orm import aliased

from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, shared_alias
from lms.core.time import clock
from lms.enrolment import rules
from lms.enrolment.models import Enrolment, EnrolmentStatus, SupersededEnrolment
from lms.people.models import Person, PersonCountry, PersonEmail
from lms.people.rules import email_key

Registered = shared_alias(Person, name="registered")
"""The person a row was made for; `Person` is who that is today."""

PERSON_ROW = shared_alias(Person, name="person_row")
"""A row of the people that a question begins with (`is_of`)."""

SPEAKS = ~exists().where(SupersededEnrolment.enrolment_id == Enrolment.id)
"""Whether a row speaks for somebody."""

_FEW = 500
"""Up to this many people are read by id; for more, the whole series is read."""


def speaking(*columns: Any) -> Select[Any]:
    """Rows that speak for somebody, joined to who that is today."""
    return (
        select(*columns)
        .select_from(Enrolment)
        .join(Registered, Registered.id == Enrolment.person_id)
        .join(Person, Person.id == Registered.canonical_id)
        .where(SPEAKS)
    )


def country_on(day: Any) -> ScalarSelect[Any]:
    """The country id of the `Person` of the surrounding query on a day (a date, or a parameter for one).

    As `people.queries.countries_of`.
    """
    member = aliased(Person)
    return (
        select(PersonCountry.country_id)
        .join(member, member.id == PersonCountry.person_id)
        .where(member.canonical_id == Person.id, PersonCountry.since <= day)
        .order_by((member.id == member.canonical_id).desc(), PersonCountry.since.desc())
        .limit(1)
        .correlate(Person)
        .scalar_subquery()
    )


def having_address(q: str) -> ColumnElement[bool]:
    """People one of whose addresses contains `q`, in any case of letters."""
    member = aliased(Person)
    address = (
        select(PersonEmail.id)
        .join(member, member.id == PersonEmail.person_id)
        .where(member.canonical_id == Person.id, PersonEmail.key.contains(email_key(q), autoescape=True))
        .correlate(Person)
    )
    return address.exists()


def having_name(q: str) -> ColumnElement[bool]:
    """People one of whose names contains `q`, in any case of letters."""
    return or_(Person.full_name.icontains(q, autoescape=True), Person.native_name.icontains(q, autoescape=True))


def matching(q: str) -> ColumnElement[bool]:
    """People whose name or address contains `q`, in any case of letters."""
    return or_(having_name(q), having_address(q))


def day_of(at: datetime | None) -> date:
    """The organiser's day of a moment, or today."""
    return clock.day_of(at or clock.now(), clock.reporting_zone())


def find_enrolment(series_id: int, person_id: int) -> Enrolment | None:
    """The row that speaks for a person in a series, whatever its state."""
    query = select(Enrolment).where(
        SPEAKS, Enrolment.series_id == series_id, is_of(PERSON_ROW.canonical_id == person_id)
    )
    return db.session.scalars(query).one_or_none()


def is_of(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an `Enrolment` is of some people: the rows (`PERSON_ROW`) for which the condition holds. They are looked
    up first, so that of a series only their rows are read: a condition on whom an enrolment is of would be asked of
    every row of the series."""
    return Enrolment.person_id.in_(select(PERSON_ROW.id).where(condition))


def standing_of(series_id: int, person_ids: Collection[int]) -> dict[int, tuple[int, EnrolmentStatus]]:
    """Returns the row id and state of these people in a series, without people who have no row."""
    query = speaking(Person.id, Enrolment.id, Enrolment.status).where(Enrolment.series_id == series_id)
    if len(person_ids) <= _FEW:
        query = query.where(is_of(PERSON_ROW.canonical_id.in_(person_ids)))
    wanted_ids = set(person_ids)
    return {pid: (row_id, status) for pid, row_id, status in db.session.execute(query) if pid in wanted_ids}


def get_enrolment(public_id: str, *, by: Actor, at: datetime | None = None) -> Enrolment:
    """An enrolment, for the person, those who see all of the series, and the country's focal point; else NotFound."""
    query = speaking(Enrolment, Person.id, country_on(day_of(at))).where(Enrolment.public_id == public_id)
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    enrolment, person_id, country_id = row
    series = get_series_by_id(enrolment.series_id, by=by)
    if by.person_id == person_id or rules.may_see_all(series, by) or rules.speaks_for(by, country_id):
        return enrolment  # type: ignore[no-any-return]
    raise NotFound
