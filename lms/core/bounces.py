"""Mails that came back, addresses that are not written to for it, and those that are again because their owner says
that they work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update

from lms.core import mail_runs
from lms.core.bulk import among
from lms.core.db import action, db
from lms.core.mail_reasons import MailReason, reason_of
from lms.core.outbox import IS_NO_SUCH_ADDRESS, MailState, OutboxMail

MOST_BOUNCES = 3
"""An address that does not exist so many times over is not written to."""


@dataclass(frozen=True)
class Bounce:
    """That a mail came back for good: as a notification says it, which its `digest` tells from all others.

    `status` is as in RFC 3463. Not `is_to_address`: the mail was forwarded, and it is another address that failed.
    """

    status: str
    words: str
    digest: str
    is_to_address: bool

    @property
    def reason(self) -> MailReason:
        """What it means. Only what says that the address itself does not exist counts against it."""
        reason = reason_of(550, f"{self.status} {self.words}")
        if reason is not MailReason.NO_SUCH_ADDRESS:
            return reason
        if self.status.startswith("4"):
            return MailReason.NO_ANSWER
        return reason if self.is_to_address else MailReason.FORWARDED


@action
def note_bounce(mail_id: int, bounce: Bounce, *, at: datetime) -> bool:
    """Writes down that a mail came back for good; returns whether it was news.

    The same notification again changes nothing, also where the mail was sent once more since. A notification may
    come before the mail is marked as sent.
    """
    if not mail_runs.begin(f"bounce-{mail_id}-{bounce.digest}", at=at):
        return False
    was_sent = or_(
        OutboxMail.state == MailState.SENT, and_(OutboxMail.state == MailState.QUEUED, OutboxMail.attempts > 0)
    )
    came_back = update(OutboxMail).where(OutboxMail.id == mail_id, OutboxMail.address != "", was_sent)
    values = {
        "state": MailState.UNDELIVERED,
        "reason": bounce.reason,
        "error": f"{bounce.status} {bounce.words}".strip()[:500],
        "sent_at": func.coalesce(OutboxMail.sent_at, at),
    }
    query = came_back.values(values).returning(OutboxMail.id).execution_options(synchronize_session=False)
    return db.session.execute(query).first() is not None


def counts_against_address() -> ColumnElement[bool]:
    """A mail that says that its address does not exist: it came back, or was refused."""
    states = (MailState.UNDELIVERED, MailState.FAILED)
    return and_(
        text(f"outbox_mail.{IS_NO_SUCH_ADDRESS}"), OutboxMail.state.in_(states)
    )  # as text, so that its index is found


def stopped_among(addresses: Iterable[str]) -> set[str]:
    """Which of these addresses are not written to, until their owner says that they work (`confirm_address`)."""
    query = (
        select(OutboxMail.address)
        .where(among(OutboxMail.address, {one for one in addresses if one}), counts_against_address())
        .group_by(OutboxMail.address)
        .having(func.count() >= MOST_BOUNCES)
    )
    return set(db.session.scalars(query))


def confirm_address(address: str) -> None:
    """Within an action: what came back from an address no longer counts against it."""
    counted = update(OutboxMail).where(OutboxMail.address == address, counts_against_address())
    db.session.execute(counted.values(reason=None).execution_options(synchronize_session=False))
