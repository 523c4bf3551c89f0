"""The private address of a person's calendar: made, replaced, removed; and when it was read."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update

from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.cache_versions import UNWATCHED
from lms.core.database.session import action, db
from lms.core.storage.secret_keys import seal
from lms.enrolment.calendars import belongs_to, opened
from lms.enrolment.models import CalendarAddress
from lms.people.passwords import hash_secret, new_secret

NOTED_EVERY = timedelta(hours=1)
"""So seldom is it written down that a calendar was read."""


@action
def make_address(*, by: Actor, at: datetime) -> str:
    """Gives the reader's calendar a new private address and returns its secret; the one before stops working at once.

    Raises Forbidden for strangers.
    """
    if by.person_id is None:
        raise Forbidden
    secret = new_secret()
    delete_address(by.person_id)
    row = CalendarAddress(
        person_id=by.person_id,
        secret_hash=hash_secret(secret),
        sealed=seal(secret, belongs_to=belongs_to(by.person_id)),
        made_at=at,
    )
    db.session.add(row)
    audit.record("calendar.address", by=by, at=at, person=by.person_id)
    return secret


@action
def remove_address(*, by: Actor, at: datetime) -> None:
    """Ends the reader's private address. Without one nothing changes."""
    if by.person_id is not None and delete_address(by.person_id):
        audit.record("calendar.address_removed", by=by, at=at, person=by.person_id)


@action
def seal_addresses() -> int:
    """Seals all addresses with the newest secret of the installation; returns how many.

    Feeds do not need it: an address that cannot be opened is left unchanged, and only cannot be shown again.
    """
    db.session.connection().execution_options(**{UNWATCHED: True})
    count = 0
    for row in db.session.scalars(select(CalendarAddress).with_for_update()):
        secret = opened(row)
        if secret is not None:
            row.sealed = seal(secret, belongs_to=belongs_to(row.person_id))
            count += 1
    return count


def delete_address(person_id: int) -> bool:
    """Deletes the address of a person, inside the running action; returns whether there was one."""
    done = db.session.execute(delete(CalendarAddress).where(CalendarAddress.person_id == person_id))
    return bool(done.rowcount)  # type: ignore[attr-defined]


@action
def note_reading(secret: str, program: str, *, at: datetime) -> None:
    """Records that a program read a calendar, once an hour. This invalidates no feed."""
    db.session.connection().execution_options(**{UNWATCHED: True})
    long_ago = or_(CalendarAddress.read_at.is_(None), CalendarAddress.read_at <= at - NOTED_EVERY)
    query = update(CalendarAddress).where(CalendarAddress.secret_hash == hash_secret(secret), long_ago)
    db.session.execute(query.values(read_at=at, program=program))
