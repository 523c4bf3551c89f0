"""Records that a scheduled report was sent, with its e-mails, in one transaction: once, however often it runs."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.core.database.session import action, db, one_at_a_time
from lms.mail.outbox import SECRET, post_mails
from lms.people.mail_rows import mail_to
from lms.people.passwords import hash_secret
from lms.people.queries.persons import Contact
from lms.reports.models import ReportRecipient, ReportRun, ReportSchedule, UnsubscribeLink
from lms.reports.periods import Due
from lms.reports.queries.saved import Plan, was_run

TEMPLATE = "scheduled_report"


@dataclass(frozen=True)
class ReportMail:
    """A report for one reader: the frozen text in the reader's language."""

    recipient_id: int
    person_id: int
    contact: Contact
    report: str
    query: str
    """What opens the same report on the page."""


@action
def keep_run(
    seen: Plan,
    due: Due,
    letters: Sequence[ReportMail] = (),
    *,
    left_out: int = 0,
    failure: str | None = None,
    expires_at: datetime | None = None,
    at: datetime,
) -> bool:
    """Records one run of a report and puts its mails in the outbox; returns whether this call did.

    `seen` is the schedule that the run was made from: if it has changed or ended since, or another worker was quicker,
    nothing is written. People who unsubscribed in the meantime get nothing.
    """
    report_id = seen.report_id
    one_at_a_time("send reports")
    now = db.session.get(ReportSchedule, report_id, populate_existing=True)
    if now is None or (now.rhythm, now.hour) != (seen.rhythm, seen.hour) or was_run(report_id, due.day):
        return False
    rows = select(ReportRecipient.id).where(
        ReportRecipient.report_id == report_id, ReportRecipient.unsubscribed_at.is_(None)
    )
    recipient_ids = set(db.session.scalars(rows))
    keys = []
    for letter in letters:
        if letter.recipient_id not in recipient_ids:
            continue
        secret, key = secrets.token_urlsafe(32), f"report {seen.public_id} {due.day} {letter.person_id}"
        db.session.add(UnsubscribeLink(secret_hash=hash_secret(secret), recipient_id=letter.recipient_id))
        payload = {"report": letter.report, "query": letter.query, SECRET: secret}
        mail = mail_to(
            letter.person_id, letter.contact, TEMPLATE, payload, dedupe_key=key, at=at, expires_at=expires_at
        )
        post_mails([mail])
        keys.append(key)
    run = ReportRun(report_id=report_id, day=due.day, at=at, mails=keys, left_out=left_out, failure=failure)
    db.session.add(run)
    return True


def put_off() -> None:
    """Gives up what was read for a report that cannot be counted now."""
    db.session.rollback()
