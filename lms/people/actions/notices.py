"""E-mailed notices about changes to an account, so that no one can make them unnoticed."""

from __future__ import annotations

from datetime import datetime

from lms.core.outbox import post_mail
from lms.people.queries.persons import contact_of


def post_notice(person_id: int, what: str, *, at: datetime, address: str | None = None) -> None:
    """Tells a person what changed: `what` is one of those that the template `account_notice` knows.

    To the person's address, or to another (the one of before). Within an action.
    """
    contact = contact_of([person_id]).get(person_id)
    if contact is None or not (address or contact.address):
        return
    post_mail(
        "account_notice",
        address=address or contact.address,
        payload={"what": what, "full_name": contact.full_name, "changed_at": at.isoformat()},
        dedupe_key=f"notice:{person_id}:{what}:{at.isoformat()}",
        at=at,
        locale=contact.locale,
        time_zone=contact.time_zone,
        person_id=person_id,
    )
