"""E-mails as the outbox has them: of one person, of the whole site, and addresses that were stopped.

An address is stopped when e-mails to it were returned.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_value
from lms.mail.bounces import MOST_BOUNCES, counts_against_address
from lms.mail.decisions import may_be_released, may_be_withheld
from lms.mail.outbox import IS_FAILED, MailState, OutboxMail
from lms.mail.reasons import MailReason
from lms.people.models import Person, PersonEmail
from lms.people.rules import email_key


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
    """Returns what lists show of a row of the outbox."""
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
    stopped: int
    """How many addresses are not written to."""


def list_outgoing(request: ListRequest, *, by: Actor, at: datetime) -> OutgoingMails:
    """Mails by state, reason, period and text; newest first unless asked otherwise. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    within = _within(request, at)
    failed = func.count().filter(IS_FAILED)
    counted = read(select(OutboxMail.state, func.count(), failed).where(*within).group_by(OutboxMail.state))
    counts = {MailState(state).value: count for state, count, _failed in counted}
    why = (*within, or_(IS_FAILED, OutboxMail.reason == MailReason.WITHHELD))
    reasons = read(select(OutboxMail.reason, func.count()).where(*why).group_by(OutboxMail.reason))
    counts[FAILED] = sum(count for _state, _count, count in counted)
    counts[""] = sum(count for _state, count, _failed in counted)
    order = (OutboxMail.created_at, OutboxMail.id)
    chosen = _chosen(request, at)
    total = read_value(select(func.count()).select_from(OutboxMail).where(*chosen)) or 0
    query = (
        select(OutboxMail, Person.full_name, Person.public_id)
        .join(Person, Person.id == OutboxMail.person_id, isouter=True)
        .where(*chosen)
        .order_by(*([column.desc() for column in order] if request.descending else order))
        .limit(request.size)
        .offset(request.within(total).offset)
    )
    return OutgoingMails(
        [Outgoing(mail_row(row), row.full_name, row.public_id) for row in read(query)],
        total,
        counts,
        {MailReason(reason): count for reason, count in reasons if reason},
        read_value(select(func.min(OutboxMail.due_at)).where(OutboxMail.state == MailState.QUEUED)),
        count_stopped(),
    )


class Deed(StrEnum):
    """An act of an administrator on mails."""

    AGAIN = "again"
    WITHHOLD = "withhold"
    RELEASE = "release"


def may_be_done(deed: Deed, at: datetime) -> ColumnElement[bool]:
    """With which mails something can be done."""
    match deed:
        case Deed.AGAIN:
            return and_(IS_FAILED, OutboxMail.address != "")
        case Deed.WITHHOLD:
            return may_be_withheld()
        case Deed.RELEASE:
            return may_be_released(at)


@dataclass(frozen=True)
class SelectedMails:
    """Mails with which something is to be done, and how many there are of each template, most first."""

    ids: Sequence[int]
    templates: Sequence[tuple[str, int]]


def choose_mails(
    deed: Deed, *, among_ids: Sequence[int] | None, request: ListRequest, by: Actor, at: datetime
) -> SelectedMails:
    """Of the mails with these ids, or of all that a filter holds, those with which something can be done."""
    if not by.is_administrator:
        raise Forbidden
    which = [OutboxMail.id.in_(among_ids)] if among_ids is not None else _chosen(request, at)
    query = select(OutboxMail.id, OutboxMail.template).where(*which, OutboxMail.template != NOBODY)
    rows = read(query.where(may_be_done(deed, at)).order_by(OutboxMail.id).limit(MOST_AT_ONCE))
    return SelectedMails([row.id for row in rows], Counter(row.template for row in rows).most_common())


def what_can_be_done(mail_ids: Sequence[int], *, at: datetime) -> dict[int, list[Deed]]:
    """Returns what can be done with each of these mails."""
    query = select(OutboxMail.id, *(may_be_done(deed, at).label(deed.value) for deed in Deed))
    rows = read(query.where(OutboxMail.id.in_(mail_ids)))
    return {row.id: [deed for deed in Deed if row._mapping[deed.value]] for row in rows}


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


def _within(request: ListRequest, at: datetime) -> tuple[ColumnElement[bool], ...]:
    period = PERIODS.get(request.filters.get("period", ""), PERIODS["week"])
    return (OutboxMail.created_at > at - period, OutboxMail.template != NOBODY)


def _chosen(request: ListRequest, at: datetime) -> list[ColumnElement[bool]]:
    chosen = list(_within(request, at))
    state, reason = request.filters.get("state"), request.filters.get("reason")
    if state == FAILED:
        chosen.append(IS_FAILED)
    elif state:
        chosen.append(OutboxMail.state == MailState(state))
    if reason:
        chosen.append(OutboxMail.reason == MailReason(reason))
    if kind := request.filters.get("kind"):
        chosen.append(OutboxMail.kind == kind)
    if request.q:
        named = select(Person.id).where(Person.full_name.icontains(request.q, autoescape=True))
        chosen.append(
            or_(OutboxMail.address.icontains(email_key(request.q), autoescape=True), OutboxMail.person_id.in_(named))
        )
    return chosen


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
