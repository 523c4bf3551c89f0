"""The mail that a person was sent or is still to be sent, as the outbox has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, func, select

from lms.core.db import read
from lms.core.errors import NotFound
from lms.core.outbox import MAX_ATTEMPTS, NOT_FAILED, OutboxMail
from lms.core.roles import Actor
from lms.people.models import Person


class MailState(StrEnum):
    """What became of a mail: *expired* was no longer worth sending, *declined* was no longer wanted, *failed* is tried
    again, *given_up* is not."""

    SENT = "sent"
    WAITING = "waiting"
    FAILED = "failed"
    EXPIRED = "expired"
    DECLINED = "declined"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class PersonMail:
    """One mail: `title` is what it is about, such as a series, where the payload says it. `at`: sent, else posted."""

    template: str
    title: str
    address: str
    at: datetime
    state: MailState
    reason: str


@dataclass(frozen=True)
class PersonMails:
    """The latest mails of a person, how many there are in all, and how many of them failed."""

    latest: list[PersonMail]
    total: int
    failed: int


_IS_FAILED = and_(OutboxMail.sent_at.is_(None), OutboxMail.error.not_in(NOT_FAILED))


def mails_of(person_id: int, *, by: Actor, limit: int = 5) -> PersonMails:
    """The mail of a person and of those merged into them, failed ones first. For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    own = OutboxMail.person_id.in_(select(Person.id).where(Person.canonical_id == person_id))
    query = (
        select(OutboxMail, func.count().over().label("total"), func.count().filter(_IS_FAILED).over().label("failed"))
        .where(own)
        .order_by(case((_IS_FAILED, 0), else_=1), OutboxMail.id.desc())
        .limit(limit)
    )
    rows = read(query)
    return PersonMails([_mail(row) for row in rows], rows[0].total if rows else 0, rows[0].failed if rows else 0)


def _mail(row: Any) -> PersonMail:
    if row.sent_at is not None:
        state = MailState.SENT
    elif row.error in NOT_FAILED:
        state = MailState(row.error)
    elif row.attempts >= MAX_ATTEMPTS:
        state = MailState.GIVEN_UP
    else:
        state = MailState.FAILED if row.error else MailState.WAITING
    title = str(row.payload.get("title") or "")
    return PersonMail(row.template, title, row.address, row.sent_at or row.created_at, state, row.error or "")
