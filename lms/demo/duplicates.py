"""People who registered twice in the demonstration: two pairs to decide on, and one that is merged."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from lms.core.db import action, db
from lms.core.roles import Actor
from lms.people.actions.duplicates import compare_waiting_people
from lms.people.actions.merging import merge_people
from lms.people.actions.persons import create_person
from lms.people.models import Account, Person
from lms.people.queries.countries import country_codes_of


def take_in(*, by: Actor, now: datetime) -> None:
    """Registers three people once more, and merges one of them."""
    _register_again(by=by, at=now - timedelta(days=3))
    compare_waiting_people(at=now, in_bulk=False)  # the worker compares all others


@action
def _register_again(*, by: Actor, at: datetime) -> None:
    known = select(Person).outerjoin(Account, Account.person_id == Person.id)
    known = known.where(Account.person_id.is_(None), Person.organisation.is_not(None), Person.full_name.contains(" "))
    first, second, third = db.session.scalars(known.order_by(Person.id.desc()).limit(3)).all()
    _again(first, " ".join(reversed(first.full_name.split())), "one", by=by, at=at)
    _again(second, second.full_name.upper(), "two", by=by, at=at)
    twin = _again(third, third.full_name, "three", by=by, at=at)
    merge_people(third.public_id, twin.public_id, reason="Confirmed by telephone", keep=["email"], by=by, at=at)


def _again(person: Person, name: str, box: str, *, by: Actor, at: datetime) -> Person:
    """Another record of somebody, from another address."""
    code = country_codes_of([person.id], at.date()).get(person.id)
    return create_person(
        full_name=name,
        email=f"second.record.{box}@mail.example",
        country_code=code,
        native_name=person.native_name,
        organisation=person.organisation,
        gender=person.gender,
        by=by,
        at=at,
    )
