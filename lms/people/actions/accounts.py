"""Accounts: registering, signing in, passwords, one-time links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update

from lms.core import audit
from lms.core.db import action, db
from lms.core.errors import Fault, Invalid, NotFound, Refused
from lms.core.organiser import organiser_name
from lms.core.outbox import post_mail
from lms.core.roles import ANONYMOUS, Actor
from lms.core.words import _
from lms.people.actions.attempts import WrongCredentials, begin_attempt, forget_attempt, note_failure
from lms.people.actions.notices import post_notice
from lms.people.actions.persons import change_profile, checked_profile, insert_person, verify_address
from lms.people.models import Account, Consent, LinkPurpose, OneTimeLink, PersonEmail
from lms.people.passwords import hash_password, hash_secret, new_secret, verify_password
from lms.people.queries import (
    addresses_of,
    contact_of,
    country_by_code,
    find_link,
    find_person_by_email,
    get_country,
    load_actor,
    members,
    session_key,
)
from lms.people.rules import (
    CONFIRM_LASTS,
    CONSENT_VERSION,
    DEMO_PASSWORD,
    MAX_AT_ONCE,
    MAX_LINKS,
    MAX_LINKS_WINDOW,
    RESET_LASTS,
    SIGN_IN_LASTS,
    checked_address,
    checked_password,
    email_key,
    zones_of_country,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and the key that the session keeps."""

    person_id: int
    session_key: str


def check_password(email: str, password: str, *, demonstration: bool, at: datetime) -> int:
    """The person whom an address and a password belong to. Raises TooManyFailures, WrongCredentials.

    Takes as long for an unknown address, and answers the same. Five failures within a minute close one account
    until the minute is over, also for the right password.
    """
    attempt = begin_attempt(hash_secret(email_key(email)), at=at, at_once=MAX_AT_ONCE)
    person = find_person_by_email(email)
    account = db.session.get(Account, person.id) if person is not None else None
    kept = account.password_hash if account is not None else None
    person_id = account.person_id if account is not None else 0
    db.session.rollback()  # hashing takes a while: no reading transaction stays open meanwhile
    fits = verify_password(kept, password) and (demonstration or password != DEMO_PASSWORD)
    if not fits or load_actor(person_id, at) is None:
        note_failure(attempt)
        log.warning("sign-in refused", reason="wrong credentials", person=person_id or None)
        raise WrongCredentials(_("The e-mail address and the password do not belong together."))
    forget_attempt(attempt)
    return person_id


@action
def note_sign_in(person_id: int, *, at: datetime) -> None:
    """Notes that somebody has signed in, with all that was asked for."""
    db.session.execute(update(Account).where(Account.person_id == person_id).values(last_sign_in_at=at))
    log.info("signed in", person=person_id)


def sign_in(email: str, password: str, *, demonstration: bool, at: datetime) -> SignedIn:
    """The first step of signing in: who it is by the password. See `check_password` for what it raises.

    The door asks for the second factor where there is one, and calls `note_sign_in` at the end.
    """
    person_id = check_password(email, password, demonstration=demonstration, at=at)
    return SignedIn(person_id, session_key(person_id))


@action
def sign_out_everywhere(*, by: Actor, at: datetime) -> None:
    """Ends all of one's own sessions, this one too. Tokens hold on: they are ended one by one."""
    if by.person_id is None:
        raise NotFound
    account = _account(by.person_id, at=at)
    account.epoch += 1
    audit.record("sign_out_everywhere", by=by, at=at, person=by.person_id)


@action
def use_sign_in_link(secret: str, *, at: datetime) -> SignedIn:
    """Signs somebody in with a link from a mail, which is used up by it. NotFound if it does not hold."""
    link = find_link(secret, LinkPurpose.SIGN_IN, at=at)
    if link is None or link.person_id is None or load_actor(link.person_id, at) is None:
        raise NotFound(_("This link was used already or is too old. Ask for a new one."))
    if _account(link.person_id, at=at).password_hash is None:
        raise Refused(_("Choose a password first."))
    link.used_at = at
    if link.address_key:
        verify_address(link.person_id, link.address_key, at=at)
    db.session.flush()
    return SignedIn(link.person_id, session_key(link.person_id))


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
        faults.append(Fault(field="consent", reason=_("Without it no attendance can be recorded.")))
    if faults:
        raise Invalid(faults=faults)
    address = checked_address(str(given["email"]))
    payload = {**checked_profile(given), "email": address, "consent": CONSENT_VERSION, "time_zone": _zone_of(given, at)}
    payload["country"] = get_country(str(given["country"])).code if given.get("country") else None
    locale = str(given.get("locale") or "en")
    _send_link(address, payload, has_account="already_registered", following=following, at=at, locale=locale)


def _zone_of(given: Mapping[str, Any], at: datetime) -> str | None:
    """The zone that was chosen, else that of the country, where it has one time only."""
    country = country_by_code(str(given.get("country") or ""))
    if given.get("time_zone") or country is None:
        return given.get("time_zone") or None
    zones = zones_of_country(country.code, at)
    if len(zones) > 1:
        raise Invalid("time_zone", _("Your country has several times: choose a city with yours."))
    return zones[0] if zones else None


@action
def ask_reset(email: str, *, at: datetime, locale: str = "en", following: str | None = None) -> None:
    """Mails a link that leads to a new password; somebody without an account gets one that leads to the first."""
    _send_link(email, {}, has_account="reset", following=following, at=at, locale=locale)


@action
def ask_sign_in_link(email: str, *, at: datetime, locale: str = "en", following: str | None = None) -> None:
    """Mails a link that signs in once, within a quarter of an hour."""
    _send_link(email, {}, has_account="sign_in", following=following, at=at, locale=locale)


def _send_link(
    email: str, payload: dict[str, Any], *, has_account: str, following: str | None, at: datetime, locale: str
) -> None:
    """Mails what fits the address: to an account the template `has_account`, else a link that claims or confirms.

    Where it leads to is kept with the link and not written into the mail: what strangers type is not sent to others.
    """
    person, key = find_person_by_email(email), email_key(email)
    account = db.session.get(Account, person.id, populate_existing=True) if person is not None else None
    nobody = (account is not None and account.disabled_at is not None) or (person is None and not payload)
    sent = select(func.count()).where(OneTimeLink.address_key == key, OneTimeLink.created_at > at - MAX_LINKS_WINDOW)
    if (db.session.scalar(sent) or 0) >= MAX_LINKS:
        return
    if nobody:  # a link that is sent to nobody, so that time does not tell who is known
        make_link(None, LinkPurpose.RESET, {}, address_key=key, lasts=RESET_LASTS, at=at)
        return
    template, purpose, lasts = "claim" if person is not None else "confirm", LinkPurpose.CONFIRM, CONFIRM_LASTS
    if account is not None and account.password_hash is not None:
        template, purpose = has_account, LinkPurpose.SIGN_IN if has_account == "sign_in" else LinkPurpose.RESET
        lasts = SIGN_IN_LASTS if has_account == "sign_in" else RESET_LASTS
    secret, link = make_link(
        person.id if person is not None else None,
        purpose,
        ({"email": email, **payload} if purpose is LinkPurpose.CONFIRM else {})
        | ({"following": following} if following else {}),
        address_key=key,
        lasts=lasts,
        at=at,
    )
    post_mail(
        template,
        address=email if person is None else _own_spelling(person.id, email),
        payload={"secret": secret, "full_name": person.full_name if person is not None else ""},
        dedupe_key=f"link:{link.id}",
        at=at,
        locale=person.locale if account is not None and person is not None else locale,
        time_zone=(person.time_zone if person is not None else None) or "",
        person_id=person.id if person is not None else None,
        expires_at=link.expires_at,
    )


def _own_spelling(person_id: int, email: str) -> str:
    """The address as it is kept: what was typed may differ in case, and is never written to."""
    key = email_key(email)
    kept = db.session.scalar(
        select(PersonEmail.address).where(PersonEmail.person_id.in_(members(person_id)), PersonEmail.key == key)
    )
    return kept or email


def make_link(
    person_id: int | None,
    purpose: LinkPurpose,
    payload: Mapping[str, Any],
    *,
    address_key: str | None,
    lasts: timedelta,
    at: datetime,
) -> tuple[str, OneTimeLink]:
    """A one-time link's secret, which is nowhere stored, and its row. Old rows are cleared away on the way."""
    db.session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at < at - MAX_LINKS_WINDOW))
    secret = new_secret()
    link = OneTimeLink(
        person_id=person_id,
        purpose=purpose,
        secret_hash=hash_secret(secret),
        payload=dict(payload),
        address_key=address_key,
        created_at=at,
        expires_at=at + lasts,
    )
    db.session.add(link)
    db.session.flush()
    return secret, link


def confirm(secret: str, password: str, *, consent: bool, demonstration: bool, at: datetime) -> SignedIn:
    """Uses the link of a registration: makes or claims the person, sets the password, signs in.

    Raises NotFound (used or too old), Invalid (password, consent), Refused (an account exists meanwhile).
    """
    link = find_link(secret, LinkPurpose.CONFIRM, at=at)
    if link is None:
        raise NotFound(_("This link was used already or is too old. Ask for a new one."))
    if not consent and not link.payload.get("consent"):
        raise Invalid("consent", _("Without it no attendance can be recorded."))
    known = _known_of(link)
    return _confirm(secret, hash_password(checked_password(password, demonstration=demonstration, known=known)), at=at)


@action
def _confirm(secret: str, password_hash: str, *, at: datetime) -> SignedIn:
    link = find_link(secret, LinkPurpose.CONFIRM, at=at)
    if link is None or link.address_key is None:
        raise NotFound(_("This link was used already or is too old. Ask for a new one."))
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
        raise Refused(_("There is an account with this e-mail address already. Sign in."))
    _set_password(account, password_hash)
    verify_address(person.id, link.address_key, at=at)
    db.session.add(Consent(person_id=person.id, purpose="attendance", text_version=consent, given_at=at))
    _use_up(at, OneTimeLink.address_key == link.address_key)
    db.session.flush()
    actor = load_actor(person.id, at)
    if actor is None:
        raise NotFound
    if country:
        given["country"] = country
    change_profile(person.public_id, {name: value for name, value in given.items() if value}, by=actor, at=at)
    audit.record("register", by=actor, at=at, person=person.id)
    return SignedIn(person.id, session_key(person.id))


def reset_password(secret: str, password: str, *, demonstration: bool, at: datetime) -> SignedIn:
    """Uses a link to set a password, ends all sessions of before, and signs in.

    Takes links of *reset*, and of *sign in* where there is no password yet. Raises NotFound, Invalid.
    """
    link = find_link(secret, LinkPurpose.RESET, LinkPurpose.SIGN_IN, at=at)
    if link is None:
        raise NotFound(_("This link was used already or is too old. Ask for a new one."))
    known = _known_of(link)
    return _reset(secret, hash_password(checked_password(password, demonstration=demonstration, known=known)), at=at)


def _known_of(link: OneTimeLink) -> list[str]:
    """What everybody may know of whom a link is for."""
    contact = contact_of([link.person_id]).get(link.person_id) if link.person_id is not None else None
    given = [str(link.payload.get("full_name") or ""), link.address_key or ""]
    return [organiser_name(), *given, *([contact.full_name, contact.address] if contact is not None else [])]


@action
def _reset(secret: str, password_hash: str, *, at: datetime) -> SignedIn:
    link = find_link(secret, LinkPurpose.RESET, LinkPurpose.SIGN_IN, at=at)
    actor = load_actor(link.person_id, at) if link is not None and link.person_id is not None else None
    if link is None or actor is None or actor.person_id is None:
        raise NotFound(_("This link was used already or is too old. Ask for a new one."))
    account = _account(actor.person_id, at=at)
    had_password = account.password_hash is not None
    if link.purpose is LinkPurpose.SIGN_IN and had_password:
        raise NotFound(_("This link signs in; it does not change a password."))
    _set_password(account, password_hash)
    if link.address_key:
        verify_address(actor.person_id, link.address_key, at=at)
    _use_up(at, OneTimeLink.person_id == actor.person_id)
    audit.record("reset_password", by=actor, at=at, person=actor.person_id)
    if had_password:
        post_notice(actor.person_id, "password", at=at)
    db.session.flush()
    return SignedIn(actor.person_id, session_key(actor.person_id))


def check_own_password(password: str, *, demonstration: bool, by: Actor, at: datetime) -> None:
    """Makes sure that it is still the owner who sits there. Raises Invalid (`current_password`), TooManyFailures."""
    email = addresses_of([by.person_id]).get(by.person_id) if by.person_id is not None else None
    try:
        person_id = check_password(email or "", password, demonstration=demonstration, at=at)
    except WrongCredentials as error:
        raise Invalid("current_password", _("This is not your current password.")) from error
    if person_id != by.person_id:
        raise NotFound


def change_password(current: str, new: str, *, demonstration: bool, by: Actor, at: datetime) -> SignedIn:
    """Sets one's own new password, knowing the current one, and ends all other sessions. Raises Invalid."""
    contact = contact_of([by.person_id]).get(by.person_id) if by.person_id is not None else None
    known = [organiser_name(), by.full_name, contact.address if contact is not None else ""]
    checked_password(new, demonstration=demonstration, known=known, field="new_password")
    check_own_password(current, demonstration=demonstration, by=by, at=at)
    if by.person_id is None:
        raise NotFound
    return _change_password(by.person_id, hash_password(new), by=by, at=at)


@action
def _change_password(person_id: int, password_hash: str, *, by: Actor, at: datetime) -> SignedIn:
    _set_password(_account(person_id, at=at), password_hash)
    _use_up(at, OneTimeLink.person_id == person_id)
    audit.record("change_password", by=by, at=at, person=person_id)
    post_notice(person_id, "password", at=at)
    db.session.flush()
    return SignedIn(person_id, session_key(person_id))


def _account(person_id: int, *, at: datetime) -> Account:
    account = db.session.get(Account, person_id, populate_existing=True, with_for_update=True)
    if account is None:
        account = Account(person_id=person_id, epoch=1, created_at=at)
        db.session.add(account)
        db.session.flush()
    return account


def _set_password(account: Account, password_hash: str) -> None:
    account.password_hash = password_hash
    account.epoch += 1
    db.session.flush()


def _use_up(at: datetime, which: Any) -> None:
    db.session.execute(update(OneTimeLink).where(which, OneTimeLink.used_at.is_(None)).values(used_at=at))
