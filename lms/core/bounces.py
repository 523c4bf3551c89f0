"""Mails that came back, and addresses that are written to again because their owner says that they work."""

from __future__ import annotations

from sqlalchemy import update

from lms.core.db import action, db
from lms.core.mail_reasons import reason_of
from lms.core.outbox import MailState, OutboxMail, counts_against_address


@action
def note_bounce(mail_id: int, status: str, text: str) -> bool:
    """Writes down that a mail came back for good; `status` is as in RFC 3463. The same again changes nothing.

    Returns whether it was news.
    """
    came_back = update(OutboxMail).where(OutboxMail.id == mail_id, OutboxMail.state == MailState.SENT)
    words = f"{status} {text}".strip()[:500]
    values = {"state": MailState.UNDELIVERED, "reason": reason_of(550, words), "error": words}
    return db.session.execute(came_back.values(values).returning(OutboxMail.id)).first() is not None


def confirm_address(address: str) -> None:
    """Within an action: what came back from an address no longer counts against it."""
    counted = update(OutboxMail).where(OutboxMail.address == address, counts_against_address())
    db.session.execute(counted.values(reason=None).execution_options(synchronize_session=False))
