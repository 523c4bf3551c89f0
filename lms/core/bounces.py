"""Mails that came back, and addresses that are written to again because their owner says that they work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, update

from lms.core import mail_runs
from lms.core.db import action, db
from lms.core.mail_reasons import MailReason, reason_of
from lms.core.outbox import MailState, OutboxMail, counts_against_address


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


def confirm_address(address: str) -> None:
    """Within an action: what came back from an address no longer counts against it."""
    counted = update(OutboxMail).where(OutboxMail.address == address, counts_against_address())
    db.session.execute(counted.values(reason=None).execution_options(synchronize_session=False))
