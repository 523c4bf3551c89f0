"""People and lists of the demonstration that come by no file: accounts, countries, staff, a signatory, and people who
registered twice."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from lms.certificates.actions.designs import create_design, publish_design, set_default, set_looks, set_words
from lms.certificates.designs.design import ENGLISH
from lms.certificates.designs.versions import printable_words
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import action, db
from lms.demo.programme import load_instructors, load_partners, read, read_json
from lms.people.actions.access import DemoAccount, grant_role, set_demo_accounts
from lms.people.actions.countries import add_country, change_country, declare_partners, load_countries
from lms.people.actions.country_merging import merge_countries
from lms.people.actions.duplicates import compare_waiting_people
from lms.people.actions.merging import merge_people
from lms.people.actions.persons import create_person
from lms.people.models import Account, Person
from lms.people.queries.access import load_actor
from lms.people.queries.countries import country_codes_of
from lms.people.queries.persons import find_person_by_email

ADMIN, INSTRUCTOR, KENYA, TRAINEE = (f"{name}@demo.test" for name in ("admin", "instructor", "focal.ke", "trainee"))
ACCOUNTS = (
    DemoAccount(ADMIN, "Zhou Anran", "CN", (Role.ADMINISTRATOR,), time_zone="Asia/Shanghai"),
    DemoAccount(INSTRUCTOR, "Lin Yuhan", "CN", (Role.INSTRUCTOR,), time_zone="Asia/Shanghai"),
    DemoAccount(KENYA, "Peter Mutua Kilonzo", "KE", (Role.FOCAL_POINT,), "KE", time_zone="Africa/Nairobi"),
    DemoAccount(TRAINEE, "Achieng Odhiambo", "KE", time_zone="Africa/Nairobi"),
)


def actor_of(address: str, at: datetime) -> Actor:
    """The person with this address, with the roles they hold at a time."""
    person = find_person_by_email(address)
    assert person is not None, address
    actor = load_actor(person.id, at)
    assert actor is not None, address
    return actor


def prepare_countries(*, at: datetime) -> None:
    """Loads the countries and declares the partners; merges a duplicate, and gives one a notice."""
    load_countries(by=SYSTEM, at=at)
    declare_partners([(code, since, None) for code, since in load_partners().items()], by=SYSTEM, at=at)
    seeds = read_json("staff.json")
    merged, notice = seeds["merged country"], seeds["notice"]
    add_country(merged["old"], {"en": merged["name"]}, region="035", by=SYSTEM, at=at)
    merge_countries(merged["kept"], merged["old"], reason=merged["reason"], by=SYSTEM, at=at)
    notices = {"en": notice["text"]}
    change_country(notice["country"], {}, region="202", valid_until=None, notices=notices, by=SYSTEM, at=at)


def make_staff(*, at: datetime) -> None:
    """Creates the accounts, the instructors, and the focal points of other countries, each with the role."""
    set_demo_accounts(ACCOUNTS, by=SYSTEM, at=at)
    for row in load_instructors():
        if row["email"] != INSTRUCTOR:
            _make(Role.INSTRUCTOR, row, at=at)
    for row in read("focal_points.csv"):
        _make(Role.FOCAL_POINT, {**row, "sector": "government", "job_title": "Focal point"}, at=at)


@action
def _make(role: Role, row: Mapping[str, str], *, at: datetime) -> None:
    profile: dict[str, Any] = {name: value for name, value in row.items() if name not in ("key", "country")}
    person = create_person(**profile, country_code=row["country"], by=SYSTEM, at=at)
    country = row["country"] if role is Role.FOCAL_POINT else None
    grant_role(person.public_id, role, country_code=country, by=SYSTEM, at=at)


@action
def add_signatory(*, at: datetime) -> None:
    """Makes the design that certificates are issued with from now on: the built-in one, with somebody who signs."""
    seeds = read_json("staff.json")
    offices = seeds["offices"]
    family = create_design(seeds["design"]["name"], by=SYSTEM, at=at)
    set_looks(family, seeds["design"], by=SYSTEM, at=at)
    for language, words in {"en": ENGLISH, **printable_words()}.items():
        set_words(family, language, {**words, "office": offices.get(language, offices["en"])}, by=SYSTEM, at=at)
    publish_design(family, by=SYSTEM, at=at)
    set_default(family, by=SYSTEM, at=at)


def register_twice(*, by: Actor, now: datetime) -> None:
    """Registers three people once more: two pairs to decide on, and a merged one."""
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
    return create_person(
        full_name=name,
        email=f"second.record.{box}@mail.example",
        country_code=country_codes_of([person.id], at.date()).get(person.id),
        native_name=person.native_name,
        organisation=person.organisation,
        gender=person.gender,
        by=by,
        at=at,
    )
