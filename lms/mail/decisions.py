"""Decisions of administrators about mails that were posted: stopped, withheld, released, sent again, erased."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, update

from lms.core.background import signals
from lms.core.database.bulk import among
from lms.core.database.session import action, db
from lms.mail.outbox import IS_FAILED, MailState, OutboxMail, due_mails
from lms.mail.reasons import MailReason
from lms.mail.stops import stop_mail

TIME_TO_STOP = timedelta(minutes=1)
"""From what somebody decides that e-mails many people to the first of these e-mails: time to stop them."""

ERASED: dict[str, Any] = {
    "address": "",
    "payload": {},
    "person_id": None,
    "error": None,
    "state": case((OutboxMail.state == MailState.QUEUED, MailState.STOPPED), else_=OutboxMail.state),
}
"""What is left of a mail whose reader is erased: not sent if it has not been. Answers of servers quote addresses."""


def queue_again(mail_ids: Sequence[int], *, at: datetime) -> int:
    """Within an action: has failed mails sent now, with as many attempts as at first. Returns how many."""
    values = {"state": MailState.QUEUED, "attempts": 0, "due_at": at, "sent_at": None, "error": None, "reason": None}
    signals.notify(signals.MAIL)
    return _change(mail_ids, and_(IS_FAILED, OutboxMail.address != ""), values)


def may_be_withheld() -> ColumnElement[bool]:
    """A mail that is still to be sent, or that failed and could be tried again; not what counts against an address."""
    counts = OutboxMail.reason == MailReason.NO_SUCH_ADDRESS
    failed = and_(OutboxMail.state == MailState.FAILED, or_(OutboxMail.reason.is_(None), ~counts))
    return and_(or_(OutboxMail.state == MailState.QUEUED, failed), OutboxMail.address != "")


def may_be_released(at: datetime) -> ColumnElement[bool]:
    """A mail that was withheld, and still makes sense."""
    return and_(
        OutboxMail.state == MailState.STOPPED,
        OutboxMail.reason == MailReason.WITHHELD,
        OutboxMail.address != "",
        or_(OutboxMail.expires_at.is_(None), OutboxMail.expires_at > at),
    )


def withhold(mail_ids: Sequence[int]) -> int:
    """Within an action: has mails not sent that are still to be sent, until they are released. Returns how many."""
    values = {"state": MailState.STOPPED, "reason": MailReason.WITHHELD, "error": "withheld"}
    return _change(mail_ids, may_be_withheld(), values)


def release(mail_ids: Sequence[int], *, at: datetime) -> int:
    """Within an action: has mails sent after all that were withheld; returns how many."""
    values = {"state": MailState.QUEUED, "attempts": 0, "due_at": at, "error": None, "reason": None}
    signals.notify(signals.MAIL)
    return _change(mail_ids, may_be_released(at), values)


def _change(mail_ids: Sequence[int], which: ColumnElement[bool], values: Mapping[str, Any]) -> int:
    query = update(OutboxMail).where(among(OutboxMail.id, mail_ids), which).values(values).returning(OutboxMail.id)
    return len(db.session.execute(query.execution_options(synchronize_session=False)).all())


def stop_unsent(which: ColumnElement[bool]) -> None:
    """Stops those of these mails that are still to be sent, inside the running action."""
    unsent = update(OutboxMail).where(which, OutboxMail.state == MailState.QUEUED)
    db.session.execute(unsent.values(state=MailState.STOPPED, reason=MailReason.STOPPED, error="stopped"))


@action
def stop_due(reason: str, *, at: datetime) -> int:
    """Stops all mail that was due by `at` and is not marked as sent; what is due later goes out. Returns how many."""
    stopped = 0
    for mail in db.session.scalars(due_mails(at)):
        stop_mail(mail, reason)
        stopped += 1
    return stopped


def erase_mails(person_id: int) -> None:
    """Takes a person's address and payload out of all mails, and stops those not yet sent."""
    db.session.execute(update(OutboxMail).where(OutboxMail.person_id == person_id).values(ERASED))
