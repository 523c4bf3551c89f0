"""Addresses that get no mail because mails were returned, for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select

from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.session import read, read_value
from lms.mail.bounces import MOST_BOUNCES, counts_against_address
from lms.mail.outbox import OutboxMail
from lms.people.models import Person
from lms.people.rules import email_key

MOST_AT_ONCE = 10_000


@dataclass(frozen=True)
class StoppedAddress:
    """One address. `mail_id` is the latest returned mail: it identifies the address in forms."""

    mail_id: int
    address: str
    mails: int
    last_at: datetime
    words: str
    person_name: str | None
    public_id: str | None


def count_stopped() -> int:
    """How many addresses are not written to."""
    return int(read_value(select(func.count()).select_from(_stopped(ListRequest()).subquery())) or 0)


def list_stopped(request: ListRequest, *, by: Actor) -> tuple[list[StoppedAddress], int]:
    """Addresses by text; those with the latest returned mail first by default. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    stopped = _stopped(request).subquery()
    total = int(read_value(select(func.count()).select_from(stopped)) or 0)
    order = {"address": (stopped.c.address,), "mails": (stopped.c.mails, stopped.c.address)}.get(
        request.sort, (stopped.c.last_at, stopped.c.address)
    )
    query = (
        select(stopped, OutboxMail.error, Person.full_name, Person.public_id)
        .join(OutboxMail, OutboxMail.id == stopped.c.mail_id)
        .join(Person, Person.id == OutboxMail.person_id, isouter=True)
        .order_by(*([column.desc() for column in order] if request.descending else order))
        .limit(request.size)
        .offset(request.within(total).offset)
    )
    rows = [
        StoppedAddress(row.mail_id, row.address, row.mails, row.last_at, row.error or "", row.full_name, row.public_id)
        for row in read(query)
    ]
    return rows, total


def choose_stopped(mail_ids: Sequence[int] | None, request: ListRequest, *, by: Actor) -> list[str]:
    """The stopped addresses that these mails name, or all that a filter holds."""
    if not by.is_administrator:
        raise Forbidden
    stopped = _stopped(request if mail_ids is None else ListRequest()).subquery()
    query = select(stopped.c.address).order_by(stopped.c.address).limit(MOST_AT_ONCE)
    if mail_ids is not None:
        named = select(OutboxMail.address).where(OutboxMail.id.in_(mail_ids))
        query = query.where(stopped.c.address.in_(named))
    return [row.address for row in read(query)]


def _stopped(request: ListRequest) -> Any:
    query = (
        select(
            OutboxMail.address,
            func.count().label("mails"),
            func.max(OutboxMail.id).label("mail_id"),
            func.max(func.coalesce(OutboxMail.sent_at, OutboxMail.created_at), type_=OutboxMail.created_at.type).label(
                "last_at"
            ),
        )
        .where(counts_against_address(), OutboxMail.address != "")
        .group_by(OutboxMail.address)
        .having(func.count() >= MOST_BOUNCES)
    )
    if request.q:
        named = select(Person.id).where(Person.full_name.icontains(request.q, autoescape=True))
        address_matches = OutboxMail.address.icontains(email_key(request.q), autoescape=True)
        query = query.where(or_(address_matches, OutboxMail.person_id.in_(named)))
    return query
