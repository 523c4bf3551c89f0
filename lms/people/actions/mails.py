"""What an administrator does with mails that did not leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action
from lms.mail.bounces import confirm_address, stopped_among
from lms.mail.decisions import queue_again, release, withhold


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
def withhold_mails(mail_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Stops mails that wait or failed; returns how many. Mails sent in the meantime are left unchanged."""
    if not by.is_administrator:
        raise Forbidden
    count = withhold(mail_ids)
    if count:
        audit.record("withhold_mails", by=by, at=at, detail={"mails": count})
    return count


@action
def release_mails(mail_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Has withheld mails sent after all; returns how many. What is too late by now stays withheld."""
    if not by.is_administrator:
        raise Forbidden
    count = release(mail_ids, at=at)
    if count:
        audit.record("release_mails", by=by, at=at, detail={"mails": count})
    return count


@action
def confirm_addresses(addresses: Sequence[str], *, by: Actor, at: datetime) -> int:
    """Resumes mail to addresses from which mails were returned; returns how many. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    stopped = stopped_among(addresses)
    for address in sorted(stopped):
        confirm_address(address)
    if stopped:
        audit.record("confirm_addresses", by=by, at=at, detail={"addresses": len(stopped)})
    return len(stopped)
