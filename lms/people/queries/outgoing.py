"""All mail of the site, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, or_, select

from lms.core.db import db, read, read_column, read_value
from lms.core.errors import Forbidden, NotFound
from lms.core.lists import ListRequest
from lms.core.mail_reasons import MailReason
from lms.core.outbox import IS_FAILED, MailState, OutboxMail
from lms.core.roles import Actor
from lms.people.models import Person
from lms.people.queries.mails import PersonMail, mail_row
from lms.people.rules import email_key

NOBODY = "nobody"
"""The template of mails that are written to nobody (`people.actions.links`)."""
FAILED = "failed"
PERIODS = {"today": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
MOST_AT_ONCE = 10_000
"""How many mails are tried again at once."""


@dataclass(frozen=True)
class Outgoing:
    """One mail of the list, and its reader where the site knows them."""

    mail: PersonMail
    person_name: str | None
    public_id: str | None


@dataclass(frozen=True)
class OutgoingMails:
    """A page of the list. `counts` are by state of the whole period; `reasons` are of those that failed."""

    rows: list[Outgoing]
    total: int
    counts: Mapping[str, int]
    reasons: Mapping[MailReason, int]
    oldest: datetime | None


def list_outgoing(wanted: ListRequest, *, by: Actor, at: datetime) -> OutgoingMails:
    """Mails by state, reason, period and text; newest first unless asked otherwise. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    within = _within(wanted, at)
    counted = read(select(OutboxMail.state, func.count()).where(*within).group_by(OutboxMail.state))
    counts = {MailState(state).value: count for state, count in counted}
    failed = (*within, IS_FAILED)
    reasons = read(select(OutboxMail.reason, func.count()).where(*failed).group_by(OutboxMail.reason))
    counts[FAILED] = sum(count for _reason, count in reasons)
    counts[""] = sum(count for _state, count in counted)
    order = (OutboxMail.created_at, OutboxMail.id)
    chosen = _chosen(wanted, at)
    total = read_value(select(func.count()).select_from(OutboxMail).where(*chosen)) or 0
    query = (
        select(OutboxMail, Person.full_name, Person.public_id)
        .join(Person, Person.id == OutboxMail.person_id, isouter=True)
        .where(*chosen)
        .order_by(*(order if wanted.descending else [column.desc() for column in order]))
        .limit(wanted.size)
        .offset(wanted.within(total).offset)
    )
    return OutgoingMails(
        [Outgoing(mail_row(row), row.full_name, row.public_id) for row in read(query)],
        total,
        counts,
        {MailReason(reason): count for reason, count in reasons if reason},
        read_value(select(func.min(OutboxMail.due_at)).where(OutboxMail.state == MailState.QUEUED)),
    )


def mail_ids_of(wanted: ListRequest, *, by: Actor, at: datetime) -> list[int]:
    """The failed mails that a filter holds, for trying them again."""
    if not by.is_administrator:
        raise Forbidden
    query: Select[int] = select(OutboxMail.id).where(*_chosen(wanted, at), IS_FAILED).limit(MOST_AT_ONCE)
    return list(read_column(query))


def failed_among(mail_ids: list[int], *, by: Actor) -> list[int]:
    """Which of these mails failed."""
    if not by.is_administrator:
        raise Forbidden
    return list(read_column(select(OutboxMail.id).where(OutboxMail.id.in_(mail_ids), IS_FAILED)))


def get_outgoing(mail_id: int, *, by: Actor) -> tuple[OutboxMail, Outgoing]:
    """One mail, detached. For administrators. Raises NotFound."""
    if not by.is_administrator:
        raise Forbidden
    mail = db.session.get(OutboxMail, mail_id)
    if mail is None or mail.template == NOBODY:
        raise NotFound
    person = db.session.get(Person, mail.person_id) if mail.person_id else None
    db.session.expunge(mail)
    if person is None:
        return mail, Outgoing(mail_row(mail), None, None)
    return mail, Outgoing(mail_row(mail), person.full_name, person.public_id)


def _within(wanted: ListRequest, at: datetime) -> tuple[ColumnElement[bool], ...]:
    period = PERIODS.get(wanted.filters.get("period", ""), PERIODS["week"])
    return (OutboxMail.created_at > at - period, OutboxMail.template != NOBODY)


def _chosen(wanted: ListRequest, at: datetime) -> list[ColumnElement[bool]]:
    chosen = list(_within(wanted, at))
    state, reason = wanted.filters.get("state"), wanted.filters.get("reason")
    if state == FAILED:
        chosen.append(IS_FAILED)
    elif state:
        chosen.append(OutboxMail.state == MailState(state))
    if reason:
        chosen.append(OutboxMail.reason == MailReason(reason))
    if kind := wanted.filters.get("kind"):
        chosen.append(OutboxMail.kind == kind)
    if wanted.q:
        named = select(Person.id).where(Person.full_name.icontains(wanted.q, autoescape=True))
        chosen.append(
            or_(OutboxMail.address.icontains(email_key(wanted.q), autoescape=True), OutboxMail.person_id.in_(named))
        )
    return chosen
