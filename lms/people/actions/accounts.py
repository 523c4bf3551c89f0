"""Accounts: registering, signing in, passwords."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select

from lms.core.base.errors import Fault, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, Actor
from lms.core.base.settings import organiser_name
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.time import zones
from lms.people.actions.attempts import WrongCredentials, begin_attempt, forget_attempt, note_failure
from lms.people.actions.links import send_link, use_up_links
from lms.people.actions.notices import post_notice
from lms.people.actions.persons import change_profile, checked_profile, insert_person, verify_address
from lms.people.actions.sessions import end_access
from lms.people.models import Account, Consent, LinkPurpose, OneTimeLink
from lms.people.passwords import hash_password, hash_secret, verify_password
from lms.people.queries.access import find_link, load_actor
from lms.people.queries.countries import country_by_code, get_country
from lms.people.queries.persons import contact_of, find_addressee, find_person_by_email
from lms.people.rules import (
    CONSENT_VERSION,
    DEMO_PASSWORD,
    MAX_AT_ONCE,
    checked_address,
    checked_password,
    email_key,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class KnownDevice:
    """A browser that has signed in to this person's account before; `mark` is random and its own."""

    person_id: int
    mark: str


def check_password(
    email: str, password: str, *, demonstration: bool, at: datetime, device: KnownDevice | None = None
) -> int:
    """The person to whom an address and a password belong. Raises TooManyFailures, WrongCredentials.

    Does the same work for an unknown address, and answers the same. Five failures within a minute close an account for
    that minute, also for the right password; a `device` that has signed in to this account before is counted
    separately, so that nobody else can close it there.
    """
    addressee = find_addressee(email)
    person_id, stored_hash = (addressee.person_id, addressee.password_hash) if addressee is not None else (0, None)
    is_known = device is not None and device.person_id == person_id
    counted = f"device:{device.mark}" if device is not None and is_known else f"address:{email_key(email)}"
    _verify(person_id, stored_hash, password, counted=counted, demonstration=demonstration, at=at)
    return person_id


def check_own_password(password: str, *, demonstration: bool, by: Actor, at: datetime) -> None:
    """Makes sure that it is still the owner who asks. Raises Invalid (`current_password`), TooManyFailures."""
    if by.person_id is None:
        raise NotFound
    stored_hash = db.session.scalar(select(Account.password_hash).where(Account.person_id == by.person_id))
    counted = f"owner:{by.person_id}"
    try:
        _verify(by.person_id, stored_hash, password, counted=counted, demonstration=demonstration, at=at)
    except WrongCredentials as error:
        raise Invalid("current_password", _("This is not your current password.")) from error


def _verify(
    person_id: int, stored_hash: str | None, password: str, *, counted: str, demonstration: bool, at: datetime
) -> None:
    attempt = begin_attempt(hash_secret(counted), at=at, at_once=MAX_AT_ONCE)  # ends the reading transaction too
    fits = verify_password(stored_hash, password) and (demonstration or password != DEMO_PASSWORD)
    if not fits or load_actor(person_id, at) is None:
        note_failure(attempt)
        log.warning("sign-in refused", reason="wrong credentials", person=person_id or None)
        raise WrongCredentials(_("E-mail or password is wrong."))
    forget_attempt(attempt)


@action
def use_sign_in_link(secret: str, *, at: datetime) -> int:
    """Signs in with a link from a mail, which can be used once; returns the person.

    Raises NotFound (used or too old).
    """
    link = find_link(secret, LinkPurpose.SIGN_IN, at=at)
    if link is None or link.person_id is None or load_actor(link.person_id, at) is None:
        raise NotFound(_("This link has expired or was already used. Request a new one."))
    if _account(link.person_id, at=at).password_hash is None:
        raise Refused(_("Choose a password first."))
    link.used_at = at
    if link.address_key:
        verify_address(link.person_id, link.address_key, at=at)
    return link.person_id


@action
def register(given: Mapping[str, Any], *, consent: bool, at: datetime, following: str | None = None) -> None:
    """Asks the reader of an address to confirm a registration; the person is made, or claimed, by the link.

    `given`: full_name, native_name, email, country, sector, time_zone, locale, as in the API. What happens on the
    page is the same whether the address is known or not; the mail differs. `following`: the page of this site to
    come out at, once the link is used. Raises Invalid.
    """
    faults: list[Fault] = []
    for check in (
        lambda: checked_profile(given),
        lambda: checked_address(str(given.get("email") or "")),
        lambda: get_country(str(given["country"])) if given.get("country") else None,
        lambda: _zone_of(given, at),
    ):
        try:
            check()
        except Invalid as error:
            faults.extend(error.faults)
    if not consent:
        faults.append(Fault(field="consent", reason=_("You must agree before we can record your attendance.")))
    if faults:
        raise Invalid(faults=faults)
    address = checked_address(str(given["email"]))
    payload = {**checked_profile(given), "email": address, "consent": CONSENT_VERSION, "time_zone": _zone_of(given, at)}
    payload["country"] = get_country(str(given["country"])).code if given.get("country") else None
    locale = str(given.get("locale") or "en")
    send_link(address, payload, to_account="already_registered", following=following, at=at, locale=locale)


def _zone_of(given: Mapping[str, Any], at: datetime) -> str | None:
    """The zone that was chosen, else that of the country, where it has one time only."""
    country = country_by_code(str(given.get("country") or ""))
    if given.get("time_zone") or country is None:
        return given.get("time_zone") or None
    if len({zones.offset(zone, at) for zone in zones.zones_of(country.code)}) > 1:
        raise Invalid("time_zone", _("Your country has several time zones. Choose a city in yours."))
    return zones.main_zone(country.code)


def confirm(secret: str, password: str, *, consent: bool, demonstration: bool, at: datetime) -> int:
    """Uses the link of a registration: creates or claims the person, sets the password; returns the person.

    Raises NotFound (used or too old), Invalid (password, consent), Refused (an account exists by now).
    """
    link = find_link(secret, LinkPurpose.CONFIRM, at=at)
    if link is None:
        raise NotFound(_("This link has expired or was already used. Request a new one."))
    if not consent and not link.payload.get("consent"):
        raise Invalid("consent", _("You must agree before we can record your attendance."))
    known = _known_of(link)
    return _confirm(secret, hash_password(checked_password(password, demonstration=demonstration, known=known)), at=at)


@action
def _confirm(secret: str, password_hash: str, *, at: datetime) -> int:
    link = find_link(secret, LinkPurpose.CONFIRM, at=at)
    if link is None or link.address_key is None:
        raise NotFound(_("This link has expired or was already used. Request a new one."))
    given = dict(link.payload)
    email, country = given.pop("email"), given.pop("country", None)
    given.pop("following", None)
    consent = given.pop("consent", None) or CONSENT_VERSION
    person = find_person_by_email(email)
    if person is None:
        country_id = get_country(country).id if country else None
        person = insert_person(email=email, country_id=country_id, by=ANONYMOUS, at=at, verified_at=at, **given)
    account = _account(person.id, at=at)
    if account.disabled_at is not None or account.password_hash is not None:
        raise Refused(_("An account with this e-mail address already exists. Sign in."))
    _set_password(account, password_hash, at=at)
    verify_address(person.id, link.address_key, at=at)
    db.session.add(Consent(person_id=person.id, purpose="attendance", text_version=consent, given_at=at))
    use_up_links(OneTimeLink.address_key == link.address_key, at=at)
    db.session.flush()
    actor = load_actor(person.id, at)
    if actor is None:
        raise NotFound
    if country:
        given["country"] = country
    change_profile(person.public_id, {name: value for name, value in given.items() if value}, by=actor, at=at)
    audit.record("register", by=actor, at=at, person=person.id)
    return person.id


def reset_password(secret: str, password: str, *, demonstration: bool, at: datetime) -> int:
    """Uses a link to set a password, ends all sessions and API tokens, and returns the person, who may sign in.

    Takes links of *reset*, and of *sign in* where there is no password yet. Raises NotFound, Invalid.
    """
    link = find_link(secret, LinkPurpose.RESET, LinkPurpose.SIGN_IN, at=at)
    if link is None:
        raise NotFound(_("This link has expired or was already used. Request a new one."))
    known = _known_of(link)
    return _reset(secret, hash_password(checked_password(password, demonstration=demonstration, known=known)), at=at)


def _known_of(link: OneTimeLink) -> list[str]:
    """The public facts about the person of a link."""
    contact = contact_of([link.person_id]).get(link.person_id) if link.person_id is not None else None
    given = [str(link.payload.get("full_name") or ""), link.address_key or ""]
    return [organiser_name(), *given, *([contact.full_name, contact.address] if contact is not None else [])]


@action
def _reset(secret: str, password_hash: str, *, at: datetime) -> int:
    link = find_link(secret, LinkPurpose.RESET, LinkPurpose.SIGN_IN, at=at)
    actor = load_actor(link.person_id, at) if link is not None and link.person_id is not None else None
    if link is None or actor is None or actor.person_id is None:
        raise NotFound(_("This link has expired or was already used. Request a new one."))
    account = _account(actor.person_id, at=at)
    had_password = account.password_hash is not None
    if link.purpose is LinkPurpose.SIGN_IN and had_password:
        raise NotFound(_("This link is for signing in. It cannot change a password."))
    _set_password(account, password_hash, at=at)
    if link.address_key:
        verify_address(actor.person_id, link.address_key, at=at)
    use_up_links(OneTimeLink.person_id == actor.person_id, at=at)
    audit.record("reset_password", by=actor, at=at, person=actor.person_id)
    if had_password:
        post_notice(actor.person_id, "password", at=at)
    return actor.person_id


def change_password(current: str, new: str, *, demonstration: bool, by: Actor, at: datetime) -> None:
    """Sets the actor's new password, given the current one, and ends all sessions and API tokens. Raises Invalid."""
    contact = contact_of([by.person_id]).get(by.person_id) if by.person_id is not None else None
    known = [organiser_name(), by.full_name, contact.address if contact is not None else ""]
    checked_password(new, demonstration=demonstration, known=known, field="new_password")
    check_own_password(current, demonstration=demonstration, by=by, at=at)
    if by.person_id is None:
        raise NotFound
    return _change_password(by.person_id, hash_password(new), by=by, at=at)


@action
def _change_password(person_id: int, password_hash: str, *, by: Actor, at: datetime) -> None:
    _set_password(_account(person_id, at=at), password_hash, at=at)
    use_up_links(OneTimeLink.person_id == person_id, at=at)
    audit.record("change_password", by=by, at=at, person=person_id)
    post_notice(person_id, "password", at=at)


def _account(person_id: int, *, at: datetime) -> Account:
    account = db.session.get(Account, person_id, populate_existing=True, with_for_update=True)
    if account is None:
        account = Account(person_id=person_id, created_at=at)
        db.session.add(account)
        db.session.flush()
    return account


def _set_password(account: Account, password_hash: str, *, at: datetime) -> None:
    account.password_hash = password_hash
    end_access(account.person_id, at=at)
