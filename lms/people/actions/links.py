"""One-time e-mailed links: to confirm a registration, set a password or sign in."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update

from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.mail.outbox import OutboxMail, post_mail
from lms.people.models import LinkPurpose, OneTimeLink
from lms.people.passwords import hash_secret, new_secret
from lms.people.queries.persons import contact_of, find_addressee, person_id_of
from lms.people.rules import (
    CONFIRM_LASTS,
    INVITATION_LASTS,
    MAX_LINKS,
    MAX_LINKS_WINDOW,
    RESET_LASTS,
    SIGN_IN_LASTS,
    email_key,
)

NOBODY: Final = "nobody"
"""The template of a mail that is never sent: it is posted where there is nobody to write to, for the same work."""
_LASTS: Final = {
    LinkPurpose.CONFIRM: CONFIRM_LASTS,
    LinkPurpose.RESET: RESET_LASTS,
    LinkPurpose.SIGN_IN: SIGN_IN_LASTS,
}


@action
def ask_reset(email: str, *, at: datetime, locale: str = "en", following: str | None = None) -> None:
    """Mails a link that leads to a new password; a person without an account gets one for the first password."""
    send_link(email, {}, to_account="reset", following=following, at=at, locale=locale)


@action
def ask_sign_in_link(email: str, *, at: datetime, locale: str = "en", following: str | None = None) -> None:
    """E-mails a link that signs in once, within 15 minutes."""
    send_link(email, {}, to_account="sign_in", following=following, at=at, locale=locale)


@action
def send_person_link(public_id: str, *, by: Actor, at: datetime) -> str:
    """E-mails a person a link that signs in, or leads to the first password; returns the address.

    For administrators. Raises Forbidden, NotFound; Refused without an address, for a disabled account, and where the
    address was sent as many links as it may be.
    """
    if not by.is_administrator:
        raise Forbidden
    person_id = person_id_of(public_id)
    contact = contact_of([person_id]).get(person_id)
    if contact is None:
        raise Refused(_("This person has no e-mail address."))
    addressee = find_addressee(contact.address)
    if addressee is not None and addressee.is_disabled:
        raise Refused(_("This account is disabled. Enable it first."))
    if was_sent_enough(email_key(contact.address), at):
        raise Refused(_("This address was sent several links within the last hour. Wait before you send another one."))
    send_link(contact.address, {}, to_account="sign_in", following=None, at=at, locale=contact.locale)
    audit.record("send_link", by=by, at=at, person=person_id)
    return contact.address


def send_invitation(person_id: int, *, at: datetime) -> None:
    """Within an action: e-mails somebody who has no account a link that leads to a password, within a week."""
    contact = contact_of([person_id])[person_id]
    key = email_key(contact.address)
    secret, link = make_link(
        person_id,
        LinkPurpose.CONFIRM,
        {"email": contact.address},
        address_key=key,
        lasts=INVITATION_LASTS,
        at=at,
    )
    payload = {"secret": secret, "full_name": contact.full_name}
    post_link(link, "invitation", payload, address=contact.address, locale=contact.locale, time_zone=contact.time_zone)


def was_sent_enough(key: str, at: datetime) -> bool:
    """Whether an address was sent as many links as it may be."""
    sent = select(func.count()).where(OneTimeLink.address_key == key, OneTimeLink.created_at > at - MAX_LINKS_WINDOW)
    return (db.session.scalar(sent) or 0) >= MAX_LINKS


def send_link(
    email: str, payload: dict[str, Any], *, to_account: str, following: str | None, at: datetime, locale: str
) -> None:
    """Within an action: mails the link that suits the address, to an account with the template `to_account`.

    Reads and writes the same rows whether or not the address is known: where there is nobody to write to, the link
    leads nowhere and the mail is never sent. The page to come out at is kept with the link and not written into the
    mail: what strangers type is not sent to others.
    """
    key = email_key(email)
    addressee = find_addressee(email)
    if was_sent_enough(key, at):
        return
    data = {"following": following} if following else {}
    if (addressee is None and not payload) or (addressee is not None and addressee.is_disabled):
        _secret, link = make_link(None, LinkPurpose.RESET, data, address_key=key, lasts=RESET_LASTS, at=at)
        post_mail(NOBODY, address="", payload={}, dedupe_key=f"link:{link.id}", at=at, expires_at=at)
        return
    template, purpose = "claim" if addressee is not None else "confirm", LinkPurpose.CONFIRM
    if addressee is not None and addressee.password_hash is not None:
        template, purpose = to_account, LinkPurpose.SIGN_IN if to_account == "sign_in" else LinkPurpose.RESET
    else:
        data |= {"email": email, **payload}
    person_id = addressee.person_id if addressee is not None else None
    secret, link = make_link(person_id, purpose, data, address_key=key, lasts=_LASTS[purpose], at=at)
    post_link(
        link,
        template,
        {"secret": secret, "full_name": addressee.full_name if addressee is not None else ""},
        address=addressee.address if addressee is not None else email,
        locale=addressee.locale if addressee is not None and addressee.has_account else locale,
        time_zone=addressee.time_zone if addressee is not None else None,
    )


def post_link(
    link: OneTimeLink,
    template: str,
    payload: Mapping[str, Any],
    *,
    address: str,
    locale: str,
    time_zone: str | None,
) -> None:
    """Within an action: posts the e-mail with a link that was just made, which is worth sending as long as the link."""
    post_mail(
        template,
        address=address,
        payload=payload,
        dedupe_key=f"link:{link.id}",
        at=link.created_at,
        locale=locale,
        time_zone=time_zone or "",
        person_id=link.person_id,
        expires_at=link.expires_at,
    )


def make_link(
    person_id: int | None,
    purpose: LinkPurpose,
    payload: Mapping[str, Any],
    *,
    address_key: str | None,
    lasts: timedelta,
    at: datetime,
) -> tuple[str, OneTimeLink]:
    """A one-time link's secret, which is stored nowhere, and its row. Clears away old rows on the way."""
    db.session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at < at - MAX_LINKS_WINDOW))
    unsent = (OutboxMail.sent_at.is_(None), OutboxMail.due_at < at - MAX_LINKS_WINDOW)
    db.session.execute(delete(OutboxMail).where(OutboxMail.template == NOBODY, *unsent))
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


def use_up_links(which: ColumnElement[bool], *, at: datetime) -> None:
    """Within an action: the links of this kind that nobody has used open nothing any more."""
    db.session.execute(update(OneTimeLink).where(which, OneTimeLink.used_at.is_(None)).values(used_at=at))
