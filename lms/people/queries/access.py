"""Actors by id or bearer token; links, tokens and grants of a person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select

from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor, Role
from lms.core.database.audit import list_entries
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_value, shared_alias
from lms.people.models import Account, ApiToken, Country, LinkPurpose, OneTimeLink, Person, RoleGrant, SecondFactor
from lms.people.passwords import hash_secret
from lms.people.queries.countries import belonging_to, get_country
from lms.people.queries.persons import members, person_id_of
from lms.people.rules import can_see_person, check_role_country

Known, _Holder = shared_alias(Person), shared_alias(Person)
# One question a request, so it is made once: a row for each role of each row that is this person, one at the least.
ACTOR_ROWS = (
    select(
        Person.id,
        Person.public_id,
        Person.full_name,
        Person.locale,
        Person.time_zone,
        Person.erased_at,
        Account.disabled_at,
        SecondFactor.confirmed_at,
        RoleGrant.role,
        RoleGrant.country_id,
    )
    .select_from(Known)
    .join(Person, Person.id == func.coalesce(Known.canonical_id, Known.id))
    .outerjoin(Account, Account.person_id == Person.id)
    .outerjoin(SecondFactor, SecondFactor.person_id == Person.id)
    .outerjoin(_Holder, _Holder.canonical_id == Person.id)
    .outerjoin(
        RoleGrant,
        and_(
            RoleGrant.person_id == _Holder.id,
            RoleGrant.granted_at <= bindparam("at"),
            or_(RoleGrant.revoked_at.is_(None), RoleGrant.revoked_at > bindparam("at")),
        ),
    )
)
_ACTOR = ACTOR_ROWS.where(Known.id == bindparam("person_id"))
_ACTOR_OF_TOKEN = (
    ACTOR_ROWS.add_columns(ApiToken.scopes)
    .join(ApiToken, ApiToken.person_id == Known.id)
    .where(
        ApiToken.secret_hash == bindparam("secret_hash"),
        ApiToken.expires_at > bindparam("at"),
        ApiToken.revoked_at.is_(None),
    )
)


def load_actor(person_id: int, at: datetime) -> Actor | None:
    """A person as an actor, with the roles held at that moment; None for the unknown, erased and disabled."""
    return actor_of_rows(read(_ACTOR, {"person_id": person_id, "at": at}))


def actor_of_rows(rows: Sequence[Any]) -> Actor | None:
    """The actor of the rows of `ACTOR_ROWS` for one person; None for the unknown, erased and disabled."""
    if not rows or rows[0].erased_at is not None or rows[0].disabled_at is not None:
        return None
    person = rows[0]
    grants = [(row.role, row.country_id) for row in rows if row.role is not None]
    return Actor(
        person_id=person.id,
        public_id=person.public_id,
        full_name=person.full_name,
        roles=frozenset(role for role, _country in grants),
        country_ids=frozenset(country for role, country in grants if role is Role.FOCAL_POINT and country is not None),
        locale=person.locale,
        time_zone=person.time_zone,
        has_second_factor=person.confirmed_at is not None,
    )


def holders_of(person_ids: Collection[int], roles: Collection[Role], *, without_grant: int | None = None) -> set[int]:
    """Those of these people who hold one of these roles now, under any row that is them.

    A second factor that is missing makes no difference here. `without_grant`: as if this grant had ended.
    """
    query = (
        select(Person.canonical_id)
        .join(RoleGrant, RoleGrant.person_id == Person.id)
        .where(among(Person.canonical_id, person_ids), RoleGrant.role.in_(roles), RoleGrant.revoked_at.is_(None))
    )
    if without_grant is not None:
        query = query.where(RoleGrant.id != without_grant)
    return {person_id for person_id in db.session.scalars(query) if person_id is not None}


def count_holders(roles: Collection[Role], *, focal_points_of: int | None = None, at: datetime) -> int:
    """How many people who can sign in hold one of these roles, or are focal points of this country."""
    holds: ColumnElement[bool] = RoleGrant.role.in_(roles)
    if focal_points_of is not None:
        holds = or_(holds, and_(RoleGrant.role == Role.FOCAL_POINT, RoleGrant.country_id == focal_points_of))
    query = (
        select(func.count(_Holder.canonical_id.distinct()))
        .select_from(RoleGrant)
        .join(_Holder, _Holder.id == RoleGrant.person_id)
        .join(Person, Person.id == _Holder.canonical_id)
        .outerjoin(Account, Account.person_id == Person.id)
        .where(
            holds,
            RoleGrant.granted_at <= at,
            or_(RoleGrant.revoked_at.is_(None), RoleGrant.revoked_at > at),
            Person.erased_at.is_(None),
            Account.disabled_at.is_(None),
        )
    )
    return int(read_value(query) or 0)


def actor_of_token(secret: str, at: datetime) -> Actor | None:
    """The actor of a bearer token; None if it is unknown, expired or revoked."""
    rows = read(_ACTOR_OF_TOKEN, {"secret_hash": hash_secret(secret), "at": at})
    actor = actor_of_rows(rows)
    if actor is None or not rows[0].scopes:
        return actor
    return replace(actor, scopes=frozenset(rows[0].scopes))


def account_of(person_id: int, *, by: Actor) -> Account | None:
    """The account of a person, if there is one; for administrators and for oneself, else NotFound."""
    if not can_see_person(by, person_id):
        raise NotFound
    return db.session.get(Account, person_id)


def find_link(secret: str, *purposes: LinkPurpose, at: datetime) -> OneTimeLink | None:
    """The link of a secret if it is for one of these purposes, not yet used and not expired."""
    return db.session.scalar(
        select(OneTimeLink).where(
            OneTimeLink.secret_hash == hash_secret(secret),
            OneTimeLink.purpose.in_(purposes),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > at,
        )
    )


def list_tokens(person_id: int, *, at: datetime, by: Actor) -> list[ApiToken]:
    """The tokens of a person that hold, newest first; for administrators and for oneself, else NotFound."""
    if not can_see_person(by, person_id):
        raise NotFound
    query = (
        select(ApiToken)
        .where(ApiToken.person_id.in_(members(person_id)), ApiToken.revoked_at.is_(None), ApiToken.expires_at > at)
        .order_by(ApiToken.id.desc())
    )
    return list(db.session.scalars(query))


@dataclass(frozen=True)
class RoleReach:
    """The reach of a role, and its holders now: `people` seen by it, `holders` besides the person."""

    person: Person
    country: Country | None
    people: int
    holders: int
    has_account: bool


def reach_of_role(public_id: str, role: Role, country_code: str | None, *, day: date, by: Actor) -> RoleReach:
    """Returns what giving a role to a person would mean. For administrators; NotFound, and Invalid at `country`."""
    if not by.is_administrator:
        raise Forbidden
    check_role_country(role, country_code)
    person = db.session.get_one(Person, person_id_of(public_id))
    country = get_country(country_code) if country_code else None
    known = (Person.erased_at.is_(None), Person.canonical_id == Person.id)
    seen = select(func.count(Person.id)).where(*known)
    if country is not None:
        seen = seen.where(Person.id.in_(belonging_to([country.id], day)))
    held = (
        select(func.count(Person.canonical_id.distinct()))
        .join(RoleGrant, RoleGrant.person_id == Person.id)
        .where(RoleGrant.role == role, RoleGrant.revoked_at.is_(None), Person.canonical_id != person.id)
        .where(RoleGrant.country_id.is_(None) if country is None else RoleGrant.country_id == country.id)
    )
    return RoleReach(
        person=person,
        country=country,
        people=0 if role is Role.INSTRUCTOR else db.session.scalar(seen) or 0,
        holders=db.session.scalar(held) or 0,
        has_account=db.session.get(Account, person.id) is not None,
    )


def get_grant(public_id: str, grant_id: int, *, by: Actor) -> tuple[Person, RoleGrant, Country | None]:
    """A role that a person holds, with the person and its country. For administrators, else NotFound."""
    query = (
        select(Person, RoleGrant, Country)
        .select_from(RoleGrant)
        .join(_Holder, _Holder.id == RoleGrant.person_id)
        .join(Person, Person.id == _Holder.canonical_id)
        .outerjoin(Country, Country.id == RoleGrant.country_id)
        .where(RoleGrant.id == grant_id, RoleGrant.revoked_at.is_(None), Person.id == person_id_of(public_id))
    )
    row = db.session.execute(query).one_or_none() if by.is_administrator and 0 < grant_id < 2**31 else None
    if row is None:
        raise NotFound
    person, grant, country = row
    return person, grant, country


def list_grants(person_id: int, *, by: Actor) -> list[tuple[RoleGrant, Country | None]]:
    """All roles a person holds or held, newest first; for administrators and for oneself, else NotFound."""
    if not can_see_person(by, person_id):
        raise NotFound
    query = (
        select(RoleGrant, Country)
        .outerjoin(Country, Country.id == RoleGrant.country_id)
        .where(RoleGrant.person_id.in_(members(person_id)))
        .order_by(RoleGrant.id.desc())
    )
    return [(grant, country) for grant, country in db.session.execute(query)]


@dataclass(frozen=True)
class LinkView:
    """The data of the page behind a one-time link.

    `following`: the page that was wanted when the link was asked for.
    """

    full_name: str
    email: str
    has_password: bool
    needs_consent: bool
    is_claim: bool
    following: str | None
    is_check: bool = False
    """Whether it only says that the address of the account works."""


def look_at_link(secret: str, purpose: LinkPurpose, *, at: datetime) -> LinkView | None:
    """A one-time link for this purpose; None if it is for another, unknown, used or too old. The secret is the
    authority."""
    link = find_link(secret, purpose, at=at)
    if link is None:
        return None
    person = db.session.get(Person, link.person_id) if link.person_id is not None else None
    account = db.session.get(Account, link.person_id) if link.person_id is not None else None
    return LinkView(
        full_name=str(link.payload.get("full_name") or (person.full_name if person is not None else "")),
        email=str(link.payload.get("email") or link.address_key or ""),
        has_password=account is not None and account.password_hash is not None,
        needs_consent=purpose is LinkPurpose.CONFIRM and not link.payload.get("consent"),
        is_claim=person is not None,
        following=link.payload.get("following"),
        is_check=bool(link.payload.get("is_check")),
    )


@dataclass(frozen=True)
class Act:
    """One line of the audit trail: `verb` and the names of the `fields` that changed; `actor` "" is the system."""

    at: datetime
    verb: str
    actor: str
    fields: list[str]


def list_acts(person_id: int, *, by: Actor, limit: int = 50) -> list[Act]:
    """Returns what was done to a person, newest first. For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    entries = list_entries("person", person_id, limit=limit)
    actors = {entry.actor_id for entry in entries if entry.actor_id is not None}
    rows = db.session.execute(select(Person.id, Person.full_name).where(Person.id.in_(actors)))
    names = {row.id: row.full_name for row in rows}
    return [
        Act(entry.at, entry.verb, names.get(entry.actor_id or 0, ""), list(entry.detail.get("fields", [])))
        for entry in entries
    ]
