"""E-mailed notices about changes to an account, so that no one can make them unnoticed."""

from dataclasses import replace
from datetime import datetime

from lms.mail.outbox import post_mails
from lms.people.mail_rows import mail_to
from lms.people.queries.persons import contact_of


def post_notice(person_id: int, what: str, *, at: datetime, address: str | None = None) -> None:
    """E-mails a person about a change: `what` is a key of the template `account_notice`.

    Sent to the person's address, or to another (the previous one). Within an action.
    """
    contact = contact_of([person_id]).get(person_id)
    if contact is None or not (address or contact.address):
        return
    payload = {"what": what, "changed_at": at.isoformat()}
    key = f"notice:{person_id}:{what}:{at.isoformat()}"
    to = replace(contact, address=address or contact.address)
    post_mails([mail_to(person_id, to, "account_notice", payload, dedupe_key=key, at=at)])
