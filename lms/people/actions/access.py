"""Permissions of people: roles, disabling, API tokens, and how staff and demonstration accounts come about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from lms.core.base.errors import Forbidden, NotFound, Refused
from lms.core.base.events import RoleRevoked, publish
from lms.core.base.roles import Actor, Role
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.storage import journal
from lms.core.text.i18n import _
from lms.people.actions.links import make_link, send_invitation
from lms.people.actions.notices import post_notice
from lms.people.actions.persons import create_person
from lms.people.actions.sessions import end_access, hold_unmerged
from lms.people.models import Account, ApiToken, Country, LinkPurpose, Person, RoleGrant
from lms.people.passwords import hash_password, hash_secret, new_secret
from lms.people.queries.countries import get_country
from lms.people.queries.persons import find_person_by_email, members, person_id_of
from lms.people.rules import (
    DEMO_PASSWORD,
    INVITATION_LASTS,
    TOKEN_LASTS,
    can_see_person,
    check_role_country,
    checked_line,
    checked_name,
    email_key,
)


@dataclass(frozen=True)
class DemoAccount:
    """Somebody who signs in with the demonstration's password. `focal_country` is a code, for a focal point."""

    email: str
    full_name: str
    country_code: str | None = None
    roles: Sequence[Role] = field(default_factory=tuple)
    focal_country: str | None = None
    locale: str = "en"
    time_zone: str | None = None


def _person_id(public_id: str, by: Actor) -> int:
    if not by.is_administrator:
        raise Forbidden
    return person_id_of(public_id)


@action
def grant_role(public_id: str, role: Role, *, country_code: str | None = None, by: Actor, at: datetime) -> None:
    """Gives a person a role; a focal point speaks for a country. Held already: nothing changes.

    For administrators. Raises Forbidden, NotFound, Invalid (country).
    """
    person_id = _person_id(public_id, by)
    check_role_country(role, country_code)
    country_id = get_country(country_code).id if country_code else None
    held = select(RoleGrant).where(
        RoleGrant.person_id.in_(members(person_id)),
        RoleGrant.role == role,
        RoleGrant.country_id.is_(None) if country_id is None else RoleGrant.country_id == country_id,
        RoleGrant.revoked_at.is_(None),
    )
    if db.session.scalar(held) is not None:
        return
    db.session.add(RoleGrant(person_id=person_id, role=role, country_id=country_id, granted_at=at))
    audit.record("grant_role", by=by, at=at, detail={"role": role.value, "country": country_code}, person=person_id)


@action
def revoke_role(public_id: str, grant_id: int, *, by: Actor, at: datetime) -> None:
    """Ends a role that a person holds. For administrators, who cannot end their own administration (Refused)."""
    person_id = _person_id(public_id, by)
    grant = db.session.scalar(
        select(RoleGrant)
        .where(RoleGrant.id == grant_id, RoleGrant.person_id.in_(members(person_id)))
        .execution_options(populate_existing=True)
    )
    if grant is None:
        raise NotFound
    if grant.revoked_at is not None:
        return
    if grant.role is Role.ADMINISTRATOR and person_id == by.person_id:
        raise Refused(_("You cannot remove your own administrator role. Ask another administrator."))
    _end_grant(grant, by=by, at=at)


def _end_grant(grant: RoleGrant, *, by: Actor, at: datetime) -> None:
    grant.revoked_at = at
    journal.record("revoke_role", at=at, grant=_journalled(grant))
    audit.record("revoke_role", by=by, at=at, detail={"role": grant.role.value}, person=grant.person_id)
    db.session.flush()
    publish(RoleRevoked(person_id=grant.person_id, role=grant.role, by=by, at=at))


def _journalled(grant: RoleGrant) -> dict[str, str | None]:
    """Returns what names a grant outside of the database."""
    country = db.session.get(Country, grant.country_id) if grant.country_id else None
    return {
        "person": db.session.get_one(Person, grant.person_id).public_id,
        "role": grant.role.value,
        "country": country.code if country else None,
    }


@action
def revoke_role_again(grant: Mapping[str, str | None], *, before: datetime, by: Actor, at: datetime) -> bool:
    """Ends, after a restore, a role that was ended at `before`; returns whether somebody held it.

    A role that was given later holds on. Raises Forbidden unless the system asks.
    """
    if not by.system:
        raise Forbidden
    country = get_country(grant["country"]).id if grant["country"] else None
    held = (
        select(RoleGrant)
        .join(Person, Person.id == RoleGrant.person_id)
        .where(
            Person.public_id == grant["person"],
            RoleGrant.role == Role(str(grant["role"])),
            RoleGrant.country_id.is_(None) if country is None else RoleGrant.country_id == country,
            RoleGrant.revoked_at.is_(None),
            RoleGrant.granted_at < before,
        )
    )
    grants = list(db.session.scalars(held))
    for row in grants:
        _end_grant(row, by=by, at=at)
    return bool(grants)


@action
def disable_person(public_id: str, *, by: Actor, at: datetime) -> None:
    """Closes a person's account at once: all sessions and API tokens end. For administrators."""
    person_id = _person_id(public_id, by)
    if person_id == by.person_id:
        raise Refused(_("You cannot disable your own account. Ask another administrator."))
    account = db.session.get(Account, person_id, populate_existing=True)
    if account is None:
        account = Account(person_id=person_id, created_at=at)
        db.session.add(account)
    if account.disabled_at is not None:
        return
    account.disabled_at = at
    end_access(person_id, at=at)
    journal.record("disable_person", at=at, person=public_id)
    audit.record("disable_person", by=by, at=at, person=person_id)


@action
def enable_person(public_id: str, *, by: Actor, at: datetime) -> None:
    """Opens a person's account again; sessions and API tokens stay ended. For administrators."""
    person_id = _person_id(public_id, by)
    account = db.session.get(Account, person_id, populate_existing=True)
    if account is None or account.disabled_at is None:
        return
    account.disabled_at = None
    journal.record("enable_person", at=at, person=public_id)
    audit.record("enable_person", by=by, at=at, person=person_id)


@action
def create_token(
    name: str, *, scopes: Sequence[str] = (), by: Actor, at: datetime, lasts: timedelta = TOKEN_LASTS
) -> tuple[ApiToken, str]:
    """Creates a bearer token for the actor and e-mails a notice. Its secret is returned once and not stored.

    Without scopes it has all permissions of its owner. The caller has checked that the owner is present. Raises
    NotFound (nobody is signed in), Refused (merged in the meantime), Invalid (a name that is too long).
    """
    if by.person_id is None:
        raise NotFound
    hold_unmerged(by.person_id)
    secret = f"serai_{new_secret()}"
    token = ApiToken(
        person_id=by.person_id,
        name=(checked_line(name, field="name") or _("Token"))[:100],
        secret_hash=hash_secret(secret),
        scopes=list(scopes),
        created_at=at,
        expires_at=at + lasts,
    )
    db.session.add(token)
    audit.record("create_token", by=by, at=at, detail={"scopes": list(scopes)}, person=by.person_id)
    post_notice(by.person_id, "token", at=at)
    return token, secret


@action
def revoke_token(public_id: str, *, by: Actor, at: datetime) -> None:
    """Ends a token at once. For its owner and administrators, else NotFound."""
    token = db.session.scalar(
        select(ApiToken).where(ApiToken.public_id == public_id).execution_options(populate_existing=True)
    )
    if token is None or not can_see_person(by, token.person_id):
        raise NotFound
    if token.revoked_at is None:
        token.revoked_at = at
        audit.record("revoke_token", by=by, at=at, person=token.person_id)


@action
def create_staff(email: str, name: str, role: Role, country_code: str | None = None, *, by: Actor, at: datetime) -> str:
    """Makes (or finds) a person, gives the role, and returns the secret of a one-time link.

    The link is `/sign-in/<secret>`; it holds for a week and leads to setting a password, or, where there is one,
    signs in. For the system and administrators.
    """
    if not by.is_administrator:
        raise Forbidden
    checked_name(name, field="name")
    person = find_person_by_email(email)
    if person is None:
        person = create_person(full_name=name, email=email, country_code=country_code, by=by, at=at)
    grant_role(person.public_id, role, country_code=country_code if role is Role.FOCAL_POINT else None, by=by, at=at)
    account = db.session.get(Account, person.id, populate_existing=True)
    if account is None:
        db.session.add(Account(person_id=person.id, created_at=at))
    elif account.disabled_at is not None:
        raise Refused(_("This account is disabled. Enable it first."))
    secret, _link = make_link(
        person.id, LinkPurpose.SIGN_IN, {}, address_key=email_key(email), lasts=INVITATION_LASTS, at=at
    )
    return secret


@action
def add_person(
    given: Mapping[str, Any], role: Role | None, country_code: str | None, *, invites: bool, by: Actor, at: datetime
) -> Person:
    """Creates a person with a role, and e-mails an invitation if requested.

    `given`: email, full_name, country, native_name and organisation, as in the API. Administrators are appointed on a
    separate page. For administrators; raises Forbidden, Invalid; Refused where the address is known.
    """
    if not by.is_administrator:
        raise Forbidden
    if role is not None:
        check_role_country(role, country_code)
    values = dict(given)
    person = create_person(
        full_name=values.pop("full_name"),
        email=values.pop("email"),
        country_code=values.pop("country") or None,
        by=by,
        at=at,
        **values,
    )
    if role not in (None, Role.ADMINISTRATOR):
        grant_role(person.public_id, Role(role), country_code=country_code, by=by, at=at)
    if invites:
        send_invitation(person.id, at=at)
        audit.record("invite", by=by, at=at, person=person.id)
    return person


def set_demo_accounts(accounts: Iterable[DemoAccount], *, by: Actor, at: datetime) -> dict[str, Person]:
    """Makes the accounts of a demonstration, with its one password; returns the persons by address.

    The password works only in a data folder that is marked as a demonstration.
    """
    return _set_demo_accounts(list(accounts), hash_password(DEMO_PASSWORD), by=by, at=at)


@action
def _set_demo_accounts(
    accounts: list[DemoAccount], password_hash: str, *, by: Actor, at: datetime
) -> dict[str, Person]:
    made: dict[str, Person] = {}
    for described in accounts:
        person = find_person_by_email(described.email) or create_person(
            full_name=described.full_name,
            email=described.email,
            country_code=described.country_code,
            locale=described.locale,
            time_zone=described.time_zone,
            verified=True,
            by=by,
            at=at,
        )
        for role in described.roles:
            country = described.focal_country if role is Role.FOCAL_POINT else None
            grant_role(person.public_id, role, country_code=country, by=by, at=at)
        account = db.session.get(Account, person.id, populate_existing=True)
        if account is None:
            db.session.add(Account(person_id=person.id, password_hash=password_hash, created_at=at))
        else:
            account.password_hash = password_hash
        made[described.email] = person
    return made
