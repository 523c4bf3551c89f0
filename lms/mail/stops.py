"""Which mails are not sent though they were posted: expired, declined, no longer so, or to an address that is not
written to. The worker asks for a batch just before it leaves (`stop_unwanted`)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from flask import Flask, current_app

from lms.core.database.session import db
from lms.mail.bounces import stopped_among
from lms.mail.kinds import MailKind
from lms.mail.outbox import MailState, OutboxMail, choice_of, declined_of, without_secret
from lms.mail.reasons import MailReason

EXPIRED, DECLINED = "expired", "declined"
"""In `OutboxMail.error`: why a mail was not sent, and never will be, though nothing failed."""
ADDRESS_STOPPED = "address stopped"
OUTDATED = "lms.mail.outdated"
"""The extension of the app that says what is no longer so: an `Outdated` for each template that has one."""
Outdated = Callable[[Sequence[OutboxMail]], set[int]]
"""Returns the ids of those of these mails that are no longer so."""
_STATES = {EXPIRED: MailState.EXPIRED, DECLINED: MailState.DECLINED}


def register_outdated(app: Flask, templates: Iterable[str], check: Outdated) -> None:
    """Has a slice say, just before they leave, which mails of these templates are no longer so, in a few statements
    for however many. They are not sent."""
    app.extensions.setdefault(OUTDATED, {}).update(dict.fromkeys(templates, check))


def stop_unwanted(mails: Sequence[OutboxMail], *, at: datetime) -> list[OutboxMail]:
    """Within an action: stops those of these mails that are not to be sent; returns the others."""
    return _without_outdated(_without_stopped(_without_declined(_without_expired(mails, at=at))))


def _without_expired(mails: Sequence[OutboxMail], *, at: datetime) -> list[OutboxMail]:
    """Stops those mails that are no longer worth sending; returns the others."""
    deliverable: list[OutboxMail] = []
    for mail in mails:
        if mail.expires_at is not None and mail.expires_at <= at:
            stop_mail(mail, EXPIRED)
        else:
            deliverable.append(mail)
    db.session.flush()
    return deliverable


def _without_declined(mails: Sequence[OutboxMail]) -> list[OutboxMail]:
    """Stops those mails that their readers have declined since they were posted; returns the others."""
    choices = {mail.id: choice_of(mail.kind, mail.person_id, mail.series_id) for mail in mails}
    declined = declined_of(choices.values())
    stopped = [mail for mail in mails if choices[mail.id] in declined]
    for mail in stopped:
        stop_mail(mail, DECLINED)
    if stopped:
        db.session.flush()
    return [mail for mail in mails if choices[mail.id] not in declined]


def _without_stopped(mails: Sequence[OutboxMail]) -> list[OutboxMail]:
    """Stops mails to addresses that are not written to; returns the others. What somebody asks for now is tried."""
    stopped = stopped_among(mail.address for mail in mails if mail.kind != MailKind.ACCOUNT)
    deliverable: list[OutboxMail] = []
    for mail in mails:
        if mail.kind == MailKind.ACCOUNT or mail.address not in stopped:
            deliverable.append(mail)
        else:
            stop_mail(mail, ADDRESS_STOPPED)
            mail.reason = MailReason.ADDRESS_STOPPED
    db.session.flush()
    return deliverable


def _without_outdated(mails: Sequence[OutboxMail]) -> list[OutboxMail]:
    """Stops mails whose news is no longer so; returns the others."""
    checks: dict[str, Outdated] = current_app.extensions.get(OUTDATED, {})
    outdated: set[int] = set()
    for check in {checks[mail.template] for mail in mails if mail.template in checks}:
        outdated |= check([mail for mail in mails if checks.get(mail.template) is check])
    for mail in mails:
        if mail.id in outdated:
            stop_mail(mail, EXPIRED)
            mail.reason = MailReason.OUTDATED
    db.session.flush()
    return [mail for mail in mails if mail.id not in outdated]


def stop_mail(mail: OutboxMail, reason: str) -> None:
    """Has a mail not sent. `reason`: EXPIRED, DECLINED, or a sentence."""
    mail.state = _STATES.get(reason, MailState.STOPPED)
    mail.reason = MailReason(mail.state.value)
    mail.error, mail.payload = reason, without_secret(mail.payload)
