"""Changing an account's e-mail address: requires the password, a confirmation, and a notice to the old address."""

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.events import AddressesKnown, publish
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.mail.bounces import confirm_address
from lms.people.actions.factors import check_owner
from lms.people.actions.links import make_link, post_link, use_up_links, was_sent_enough
from lms.people.actions.notices import post_notice
from lms.people.actions.persons import verify_address
from lms.people.models import LinkPurpose, OneTimeLink, PersonEmail
from lms.people.queries.access import find_link, load_actor
from lms.people.queries.persons import addresses_of, contact_of, find_person_by_email, members
from lms.people.rules import CONFIRM_LASTS, checked_address, email_key


def ask_address_change(email: str, password: str, otp: str, *, demonstration: bool, by: Actor, at: datetime) -> None:
    """Mails a link to a new address for the actor's account; nothing changes until it is used.

    The answer is the same if the address is taken already; only its reader is notified. Raises Invalid (`email`,
    `current_password`, `otp`), TooManyFailures.
    """
    address = checked_address(email)
    check_owner(password, otp, demonstration=demonstration, by=by, at=at)
    _ask(address, by=by, at=at)


@action
def _ask(address: str, *, by: Actor, at: datetime) -> None:
    if by.person_id is None:
        raise NotFound
    key, person = email_key(address), find_person_by_email(address)
    contact = contact_of([by.person_id]).get(by.person_id)
    if person is not None and person.id == by.person_id and contact is not None and email_key(contact.address) == key:
        raise Invalid("email", _("This is already your e-mail address."))
    if was_sent_enough(key, at):
        return
    is_free = person is None or person.id == by.person_id
    secret, link = make_link(
        by.person_id if is_free else None,
        LinkPurpose.CHANGE_ADDRESS,
        {"email": address} if is_free else {},
        address_key=key,
        lasts=CONFIRM_LASTS,
        at=at,
    )
    audit.record("ask_address_change", by=by, at=at, person=by.person_id)
    template, payload = ("change_address", {"secret": secret}) if is_free else ("address_taken", {})
    post_link(link, template, payload, address=address, locale=by.locale or "en", time_zone=by.time_zone)


@action
def ask_address_check(*, by: Actor, at: datetime) -> str:
    """Mails a link to the actor's address after mails were returned; using it confirms the address. Returns the
    address.

    Raises NotFound without an address; Refused when the limit of links for the address is reached.
    """
    contact = contact_of([by.person_id]).get(by.person_id) if by.person_id is not None else None
    if by.person_id is None or contact is None:
        raise NotFound
    key = email_key(contact.address)
    if was_sent_enough(key, at):
        raise Refused(_("This address was sent several links within the last hour. Wait before you send another one."))
    secret, link = make_link(
        by.person_id,
        LinkPurpose.CHANGE_ADDRESS,
        {"email": contact.address, "is_check": True},
        address_key=key,
        lasts=CONFIRM_LASTS,
        at=at,
    )
    audit.record("ask_address_check", by=by, at=at, person=by.person_id)
    payload = {"secret": secret, "full_name": contact.full_name}
    post_link(
        link, "check_address", payload, address=contact.address, locale=contact.locale, time_zone=contact.time_zone
    )
    return contact.address


def change_address(secret: str, *, at: datetime) -> None:
    """Uses the link: the new address replaces the old one, which is notified and can no longer sign in.

    The link of a check only confirms the address. Raises NotFound (used or too old), Refused (the address is taken by
    now).
    """
    try:
        _change_address(secret, at=at)
    except IntegrityError as error:
        raise Refused(_("Someone else now uses this e-mail address.")) from error


@action
def _change_address(secret: str, *, at: datetime) -> None:
    link = find_link(secret, LinkPurpose.CHANGE_ADDRESS, at=at)
    actor = load_actor(link.person_id, at) if link is not None and link.person_id is not None else None
    if link is None or actor is None or actor.person_id is None:
        raise NotFound(_("This link has expired or was already used. Request a new one."))
    person_id, address = actor.person_id, str(link.payload["email"])
    key, other = email_key(address), find_person_by_email(address)
    if other is not None and other.id != person_id:
        raise Refused(_("Someone else now uses this e-mail address."))
    old = addresses_of([person_id]).get(person_id)
    if link.payload.get("is_check"):
        if old is None or email_key(old) != key:
            raise Refused(_("Your account has another e-mail address now."))
        verify_address(person_id, key, at=at)
        link.used_at = at
        audit.record("confirm_address", by=actor, at=at, person=person_id)
        return
    if old is not None and email_key(old) != key:
        post_notice(person_id, "address", at=at, address=old)
        db.session.execute(delete(PersonEmail).where(PersonEmail.key == key))
        replaced = (PersonEmail.person_id.in_(members(person_id)), PersonEmail.key == email_key(old))
        new = {"address": address, "key": key, "is_primary": True, "verified_at": at}
        db.session.execute(update(PersonEmail).where(*replaced).values(**new))
    elif old is None:
        db.session.add(PersonEmail(person_id=person_id, address=address, key=key, verified_at=at))
    db.session.flush()
    confirm_address(address)
    publish(AddressesKnown(by=actor, at=at, person_ids=tuple(members(person_id))))
    use_up_links(OneTimeLink.person_id == person_id, at=at)
    audit.record("change_address", by=actor, at=at, detail={"fields": ["email"]}, person=person_id)
