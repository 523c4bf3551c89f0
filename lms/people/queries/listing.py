"""The administrators' list of people: filtered by role, country and text, sorted and paged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database import cache_versions
from lms.core.database.bulk import among
from lms.core.database.cache_versions import kept_until_changed
from lms.core.database.search import search_words
from lms.core.database.session import db, read, read_value, shared_alias
from lms.people.models import Account, Country, Person, RoleGrant
from lms.people.queries.countries import belonging_to, country_codes_of
from lms.people.queries.finding import MOST, count_organisations, find_people, names_organisation
from lms.people.queries.persons import addresses_of

ANY_ROLE = "any"
"""The filter for those who hold some role."""
BEST, NEWEST, NAME, SIGN_IN = "best", "newest", "name", "sign_in"
_KNOWN = (Person.canonical_id == Person.id, Person.erased_at.is_(None))
_Holder = shared_alias(Person)
STAMP = "people"
"""The version of people and the countries that they belong to."""
cache_versions.watch(STAMP, frozenset({"person", "person_country"}).__contains__)


@dataclass(frozen=True)
class PersonHit:
    """A line of the list. `roles`: (role, country code), the earliest first; `since` is when the first was given."""

    person: Person
    email: str | None
    country_code: str | None
    has_account: bool
    is_disabled: bool
    last_sign_in_at: datetime | None
    roles: Sequence[tuple[str, str | None]] = field(default_factory=tuple)
    since: datetime | None = None


@dataclass(frozen=True)
class People:
    """One page of the list. `counts` are of everybody, whatever is filtered: by role, `any` of them, and "" for all.

    `are_closest`: more people fit the text, and the list has the closest.
    """

    hits: Sequence[PersonHit]
    total: int
    counts: dict[str, int]
    are_closest: bool


def list_people(request: ListRequest, *, country_id: int | None, day: date, by: Actor) -> People:
    """A page of the people that a filter holds. For administrators. `country_id` is the country that is asked for."""
    if not by.is_administrator:
        raise Forbidden
    conditions: list[ColumnElement[bool]] = [*_KNOWN]
    person_ids: Sequence[int] = ()
    if request.q:
        hits = find_people(tuple(search_words(request.q)), typed=request.q, day=day, by=by)
        person_ids = [hit.id for hit in hits]
        conditions.append(among(Person.id, person_ids[:MOST]))
    if role := request.filters.get("role"):
        holders = select(_Holder.canonical_id).join(RoleGrant, RoleGrant.person_id == _Holder.id)
        holds = [RoleGrant.revoked_at.is_(None), *([] if role == ANY_ROLE else [RoleGrant.role == role])]
        conditions.append(Person.id.in_(holders.where(*holds)))
    if country_id is not None:
        conditions.append(Person.id.in_(belonging_to([country_id], day)))
    if name := request.filters.get("organisation"):
        conditions.append(names_organisation(name))
    total = read_value(select(func.count(Person.id)).where(*conditions)) or 0
    page = request.within(total)
    query = (
        select(Person, Account.password_hash, Account.disabled_at, Account.last_sign_in_at)
        .outerjoin(Account, Account.person_id == Person.id)
        .where(*conditions)
        .order_by(*_order(page, person_ids[:MOST]))
        .limit(page.size)
        .offset(page.offset)
    )
    return People(_hits(db.session.execute(query).all(), day), total, _counts(), len(person_ids) > MOST)


def organisations_of_all(country_id: int | None, *, day: date) -> dict[str, int]:
    """How many people, of a country or of all, name each organisation (`count_organisations`). Kept until a person
    changes."""

    def count() -> dict[str, int]:
        people = select(Person.id).where(*_KNOWN)
        if country_id is not None:
            people = people.where(Person.id.in_(belonging_to([country_id], day)))
        return count_organisations(people)

    return kept_until_changed(STAMP, (country_id, day), count)


def _order(request: ListRequest, closest: Sequence[int]) -> list[Any]:
    """The columns that the list is sorted by. `closest`: who fits the text, the best match first."""
    if request.sort == BEST and closest:
        rank = case({person_id: place for place, person_id in enumerate(closest)}, value=Person.id)
        return [rank.desc() if request.descending else rank]
    column: Any = {NAME: Person.sort_name, SIGN_IN: Account.last_sign_in_at}.get(request.sort, Person.id)
    empty = [column.is_(None)] if request.sort == SIGN_IN else []  # the two databases put nothing at different ends
    ends = [column.desc(), Person.id.desc()] if request.descending else [column, Person.id]
    return [*empty, *ends]


def _hits(rows: Sequence[Any], day: date) -> list[PersonHit]:
    ids = [row[0].id for row in rows]
    addresses, countries = addresses_of(ids), country_codes_of(ids, day)
    roles: dict[int, list[Any]] = {}
    query = (
        select(_Holder.canonical_id, RoleGrant.role, Country.code, RoleGrant.granted_at)
        .join(RoleGrant, RoleGrant.person_id == _Holder.id)
        .outerjoin(Country, Country.id == RoleGrant.country_id)
        .where(among(_Holder.canonical_id, ids), RoleGrant.revoked_at.is_(None))
        .order_by(RoleGrant.granted_at, RoleGrant.id)
    )
    for row in read(query):
        roles.setdefault(row.canonical_id, []).append(row)
    return [
        PersonHit(
            person=person,
            email=addresses.get(person.id),
            country_code=countries.get(person.id),
            has_account=password is not None,
            is_disabled=disabled is not None,
            last_sign_in_at=signed_in,
            roles=[(one.role.value, one.code) for one in roles.get(person.id, ())],
            since=next((one.granted_at for one in roles.get(person.id, ())), None),
        )
        for person, password, disabled, signed_in in rows
    ]


def _counts() -> dict[str, int]:
    """How many people there are, and how many hold each role and any."""
    known = (_Holder.canonical_id == Person.id, Person.erased_at.is_(None), RoleGrant.revoked_at.is_(None))
    held = select(RoleGrant.role, Person.id).select_from(RoleGrant).join(_Holder, _Holder.id == RoleGrant.person_id)
    rows = read(held.join(Person, known[0]).where(*known[1:]).distinct())
    everybody = select(func.count(Person.id)).where(*_KNOWN)
    counts = {"": read_value(everybody) or 0, ANY_ROLE: len({row.id for row in rows})}
    for row in rows:
        counts[row.role.value] = counts.get(row.role.value, 0) + 1
    return counts
