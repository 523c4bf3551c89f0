"""The mail that a person was sent or is still to be sent, as the outbox has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import read, read_value
from lms.mail.bounces import MOST_BOUNCES, counts_against_address
from lms.mail.outbox import IS_FAILED, MailState, OutboxMail
from lms.mail.reasons import MailReason
from lms.people.models import Person, PersonEmail


@dataclass(frozen=True)
class PersonMail:
    """One mail: `title` is what it is about, such as a series, where the payload says it. `at`: sent, else posted."""

    id: int
    template: str
    title: str
    address: str
    at: datetime
    state: MailState
    is_tried_again: bool
    reason: MailReason | None


@dataclass(frozen=True)
class PersonMails:
    """The latest mails of a person, how many there are in all, and how many of them failed."""

    latest: list[PersonMail]
    total: int
    failed: int


def mails_of(person_id: int, *, by: Actor, limit: int = 5) -> PersonMails:
    """The mail of a person and of those merged into them, failed ones first. For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    of_person = OutboxMail.person_id.in_(select(Person.id).where(Person.canonical_id == person_id))
    query = (
        select(OutboxMail, func.count().over().label("total"), func.count().filter(IS_FAILED).over().label("failed"))
        .where(of_person)
        .order_by(case((IS_FAILED, 0), else_=1), OutboxMail.id.desc())
        .limit(limit)
    )
    rows = read(query)
    return PersonMails([mail_row(row) for row in rows], rows[0].total if rows else 0, rows[0].failed if rows else 0)


def mail_row(row: Any) -> PersonMail:
    """What lists show of a row of the outbox."""
    state = MailState(row.state)
    return PersonMail(
        row.id,
        row.template,
        str(row.payload.get("title") or ""),
        row.address,
        row.sent_at or row.created_at,
        state,
        state is MailState.QUEUED and row.error is not None,
        MailReason(row.reason) if row.reason else None,
    )


def stopped_address_of(person_id: int) -> str | None:
    """The address of a person if mail to it is stopped because mails were returned; otherwise None."""
    current = (
        select(PersonEmail.address)
        .join(Person, Person.id == PersonEmail.person_id)
        .where(Person.canonical_id == person_id)
        .order_by(PersonEmail.is_primary.desc(), (Person.id == Person.canonical_id).desc(), PersonEmail.id)
        .limit(1)
    )
    query = (
        select(OutboxMail.address)
        .where(OutboxMail.address == current.scalar_subquery(), counts_against_address())
        .group_by(OutboxMail.address)
        .having(func.count() >= MOST_BOUNCES)
    )
    address: str | None = read_value(query)
    return address
