"""What an administrator does with mails that did not leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lms.core import audit
from lms.core.bounces import confirm_address
from lms.core.db import action
from lms.core.errors import Forbidden
from lms.core.outbox import queue_again
from lms.core.roles import Actor
from lms.people.queries.persons import contact_of


@action
def try_mails_again(mail_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Puts failed mails back into the queue, also those that are tried again later; returns how many.

    Mails that were sent, and those that nobody may get any more, stay as they are.
    """
    if not by.is_administrator:
        raise Forbidden
    count = queue_again(mail_ids, at=at)
    if count:
        audit.record("try_mails_again", by=by, at=at, detail={"mails": count})
    return count


@action
def confirm_own_address(*, by: Actor, at: datetime) -> None:
    """Has one's own address written to again. Raises Forbidden for nobody."""
    if by.person_id is None:
        raise Forbidden
    contact = contact_of([by.person_id]).get(by.person_id)
    if contact is not None:
        confirm_address(contact.address)
        audit.record("confirm_address", by=by, at=at, person=by.person_id)
