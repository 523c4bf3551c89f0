"""The second factor of a person: whether there is one, and how far setting it up has come."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import func, select

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.storage.secret_keys import SealBroken, unseal
from lms.people.models import RecoveryCode, SecondFactor
from lms.people.rules import PENDING_LASTS, can_see_person

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class FactorView:
    """The second factor as its owner and administrators see it; `pending_secret` is shown to the owner only."""

    confirmed_at: datetime | None
    pending_secret: str | None
    codes_left: int


def has_second_factor(person_id: int) -> bool:
    """Returns whether this person needs a code to sign in."""
    query = select(SecondFactor.person_id).where(
        SecondFactor.person_id == person_id, SecondFactor.confirmed_at.is_not(None)
    )
    return db.session.scalar(query) is not None


def second_factor_of(person_id: int, *, at: datetime, by: Actor) -> FactorView:
    """Returns the state of a person's second factor, to that person and administrators. Raises NotFound for others."""
    if not can_see_person(by, person_id):
        raise NotFound
    row = db.session.get(SecondFactor, person_id)
    if row is None:
        return FactorView(None, None, 0)
    left = select(func.count()).where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    is_pending = row.pending_at is not None and row.pending_at > at - PENDING_LASTS and by.person_id == person_id
    pending = opened(row.pending_secret, person_id) if is_pending and row.pending_secret is not None else None
    return FactorView(row.confirmed_at, pending, db.session.scalar(left) or 0)


def owner_of_seal(person_id: int) -> str:
    """Returns what the sealed secrets of a person's device are bound to."""
    return f"second factor of person {person_id}"


def opened(sealed: str, person_id: int) -> str | None:
    """The secret of a person's device; None, and a line in the log, where it cannot be opened."""
    try:
        return unseal(sealed, belongs_to=owner_of_seal(person_id))
    except SealBroken:
        log.error("the secret of a second factor cannot be opened", person=person_id)
        return None
