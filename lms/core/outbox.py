"""Mail waits for the commit: a row written in the action's transaction, sent by the worker afterwards.

What is stored is a frozen payload; the text is rendered when it is sent (by `web/mail.py`). A mail is sent at
least once; `dedupe_key` makes the same mail one row, whatever is run twice. What a person has declined
(`core.mail_kinds`) is not posted; what was declined after it was posted is not sent, nor what is no longer so by then
(`register_outdated`).

Workers side by side take mails in batches, each under a lease: one that lives has marked its mails before the lease
ends, those of one that died are sent after it. What matters at once is taken first (`mail_kinds.PRIORITY`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from flask import Flask, current_app
from sqlalchemy import (
    JSON,
    ColumnElement,
    Index,
    Select,
    String,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from lms.core import mail_pace
from lms.core.bulk import among
from lms.core.db import Base, UtcDateTime, action, db, is_sqlite, write_connection, write_turn
from lms.core.mail_kinds import DECLINABLE, LAST, PRIORITIES, MailKind, kind_of, priority_of
from lms.core.mail_reasons import MailReason, MailRefused

MAX_ATTEMPTS = 24
LONGEST_WAIT = timedelta(hours=4)
"""Between two attempts: a mail server that is away from Friday to Monday loses nothing."""
MOST_BOUNCES = 3
"""An address that does not exist so many times over is not written to."""
ADDRESS_STOPPED = "address stopped"
BATCH = 100
"""How many mails a worker takes at once, in one transaction."""
BATCH_SECONDS = 5
"""What is not sent of a batch by then is given back, so that a slow server holds up nothing that matters more."""
MARK_AFTER, MARK_SECONDS = 9, 0.25
"""So many mails, or so long, until what was sent is marked, in one transaction."""
MOST_REPEATED = MARK_AFTER + 1
"""So many mails at most are sent twice by a worker that dies: those not marked yet, and the one that is on its way."""
POST_AT_ONCE = 500
"""How many mails of one kind to many people are posted in one transaction, so that nobody waits for a long one."""
LEASE = timedelta(minutes=2)
"""For so long nobody else takes a mail: longer than a batch and the one mail in its middle (`web.smtp`) can last."""
log = structlog.get_logger(__name__)
SECRET = "secret"  # noqa: S105 - the name of the key, not the secret
"""A payload's key that holds a one-time secret: it is forgotten as soon as the mail is sent."""
EXPIRED, DECLINED = "expired", "declined"
"""In `OutboxMail.error`: why a mail was not sent, and never will be, though nothing failed."""
ALL_SERIES = 0
"""In place of the id of a series: a mail that is of none, a choice that is for all."""
CHOICES = "lms.mail.choices"
"""The extension of the app that says what people have declined: a `Choices`."""
OUTDATED = "lms.mail.outdated"
"""The extension of the app that says what is no longer so: an `Outdated` for each template that has one."""
Choice = tuple[MailKind, int, int]
"""A kind of mail, a person and a series (or `ALL_SERIES`)."""
Choices = Callable[[Collection[Choice]], set[Choice]]
"""Returns those of the choices that are declined."""


Send = Callable[["OutboxMail"], Callable[[], None] | None]
"""Sends one mail, and raises what went wrong. Where the mail is then still on its way, it returns what waits until it
has arrived, and raises as well; the next mail may be begun before."""


class MailState(StrEnum):
    """What became of a mail."""

    QUEUED = "queued"
    """Still to be sent; with an `error`, to be tried again."""
    SENT = "sent"
    UNDELIVERED = "undelivered"
    """It was sent and came back (`core.bounces`)."""
    FAILED = "failed"
    """It will not be tried again by itself."""
    EXPIRED = "expired"
    DECLINED = "declined"
    STOPPED = "stopped"
    """Somebody stopped it, or its address is not written to."""


_IS_NO_SUCH_ADDRESS = f"reason = '{MailReason.NO_SUCH_ADDRESS}'"


class OutboxMail(Base):
    """One mail to one address. `person_id` is a plain id; `people` erases it here.

    Without a `time_zone` the organiser's is meant. `series_id` is a plain id too: which series the mail is about, so
    that a choice for this series applies.
    """

    __tablename__ = "outbox_mail"
    __table_args__ = (
        Index("ix_outbox_mail_queue", "state", "priority", "due_at", "id"),
        Index("ix_outbox_mail_created", "created_at", "state"),
        Index("ix_outbox_mail_address", "address"),
        Index(
            "ix_outbox_mail_no_such_address",
            "address",
            sqlite_where=text(_IS_NO_SUCH_ADDRESS),
            postgresql_where=text(_IS_NO_SUCH_ADDRESS),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    template: Mapped[str] = mapped_column(String(64))
    kind: Mapped[MailKind] = mapped_column(String(32), server_default=MailKind.ACCOUNT.value)
    priority: Mapped[int] = mapped_column(default=LAST, server_default=str(LAST))
    state: Mapped[MailState] = mapped_column(
        String(16), default=MailState.QUEUED, server_default=MailState.QUEUED.value
    )
    address: Mapped[str] = mapped_column(String(320))
    locale: Mapped[str] = mapped_column(String(16), default="en")
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    person_id: Mapped[int | None] = mapped_column(index=True)
    series_id: Mapped[int] = mapped_column(default=ALL_SERIES, server_default="0")
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    dedupe_key: Mapped[str] = mapped_column(String(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[MailReason | None] = mapped_column(String(32))
    error: Mapped[str | None] = mapped_column(Text)


Outdated = Callable[[Sequence[OutboxMail]], set[int]]
"""Returns the ids of those of these mails that are no longer so."""
IS_FAILED = or_(
    OutboxMail.state.in_((MailState.FAILED, MailState.UNDELIVERED)),
    and_(OutboxMail.state == MailState.QUEUED, OutboxMail.error.is_not(None)),
)
"""Something went wrong with a mail: it is tried again, or it is not."""


def post_mail(
    template: str,
    *,
    address: str,
    payload: Mapping[str, Any],
    dedupe_key: str,
    at: datetime,
    locale: str = "en",
    time_zone: str = "",
    person_id: int | None = None,
    series_id: int = ALL_SERIES,
    expires_at: datetime | None = None,
) -> None:
    """Puts one mail in the outbox, inside the running action. The same `dedupe_key` again changes nothing.

    `payload` is plain JSON. After `expires_at` (a reminder of what is past) it is never sent. Of a kind that the
    person has declined, nothing is posted.
    """
    post_mails(
        [
            {
                "template": template,
                "address": address,
                "payload": dict(payload),
                "dedupe_key": dedupe_key,
                "created_at": at,
                "due_at": at,
                "locale": locale,
                "time_zone": time_zone,
                "person_id": person_id,
                "series_id": series_id,
                "expires_at": expires_at,
                "attempts": 0,
            }
        ]
    )


def post_mails(rows: Iterable[Mapping[str, Any]]) -> int:
    """Many mails at once: rows with all columns of `OutboxMail` that `post_mail` fills.

    Leaves out those that their reader has declined; returns how many are left.
    """
    rows = [
        {"series_id": ALL_SERIES, **row, "kind": (kind := kind_of(row["template"])), "priority": priority_of(kind)}
        for row in rows
    ]
    declined = declined_of([_choice(row["kind"], row["person_id"], row["series_id"]) for row in rows])
    wanted = [row for row in rows if _choice(row["kind"], row["person_id"], row["series_id"]) not in declined]
    if wanted:
        insert = insert_sqlite if is_sqlite() else insert_postgresql
        db.session.execute(insert(OutboxMail).on_conflict_do_nothing(index_elements=["dedupe_key"]), wanted)
    return len(wanted)


def declined_of(choices: Iterable[Choice | None]) -> set[Choice]:
    """Which of these mails their readers have declined."""
    asked = {choice for choice in choices if choice is not None}
    known: Choices | None = current_app.extensions.get(CHOICES)
    return known(asked) if asked and known is not None else set()


def _choice(kind: str, person_id: int | None, series_id: int) -> Choice | None:
    """What a person chooses that decides on a mail; None for a mail that is always sent."""
    if person_id is None or kind not in DECLINABLE:
        return None
    return MailKind(kind), person_id, series_id


def posted(keys: Iterable[str]) -> set[str]:
    """Which of these dedupe keys have been used: their mails are on their way or were sent."""
    return set(db.session.scalars(select(OutboxMail.dedupe_key).where(among(OutboxMail.dedupe_key, keys))))


@dataclass(frozen=True)
class _Outcome:
    """What became of one attempt. `error` is None where the mail was sent."""

    mail: OutboxMail
    error: str | None = None
    reason: MailReason | None = None
    is_final: bool = False
    state: MailState = MailState.FAILED


def send_due(
    send: Send,
    *,
    at: datetime,
    limit: int = BATCH,
    per_minute: int | None = None,
    priorities: Sequence[int] = PRIORITIES,
) -> int:
    """Sends up to `limit` mails that are due, by priority, then oldest first; returns how many were taken.

    Nothing is being written while a mail goes out: a batch is claimed before, under a lease, and marked afterwards. A
    failure is kept with its reason and tried again, each time after a longer while, unless it is final. Not more than
    `per_minute` leave, whichever worker sends them.
    """
    mails = _claim(at=at, limit=limit, per_minute=per_minute, priorities=priorities)
    outcomes: list[_Outcome] = []
    under_way: _UnderWay | None = None
    began = marked = time.monotonic()
    handled = 0
    try:
        for mail in mails:
            now = time.monotonic()
            if handled and now - began > BATCH_SECONDS:
                break
            handled += 1
            begun = _begin(send, mail, at=at + timedelta(seconds=now - began))
            if under_way is not None:
                outcomes.append(under_way.outcome())
            under_way = begun
            if len(outcomes) >= MARK_AFTER or time.monotonic() - marked > MARK_SECONDS:
                _mark(outcomes, at=at)
                outcomes, marked = [], time.monotonic()
    finally:
        if under_way is not None:
            outcomes.append(under_way.outcome())
        _mark(outcomes, at=at)
        _give_back(mails[handled:], at=at)
    return len(mails)


@dataclass(frozen=True)
class _UnderWay:
    """A mail that was begun. `wait` raises what went wrong, and is None where nothing is to be waited for."""

    mail: OutboxMail
    wait: Callable[[], None] | None = None
    failed: _Outcome | None = None

    def outcome(self) -> _Outcome:
        """What became of it, once that is known."""
        if self.failed is not None:
            return self.failed
        try:
            if self.wait is not None:
                self.wait()
        except Exception as error:
            return _failed(self.mail, error)
        return _Outcome(self.mail)


def _begin(send: Send, mail: OutboxMail, *, at: datetime) -> _UnderWay:
    if mail.expires_at is not None and mail.expires_at <= at:
        return _UnderWay(
            mail, failed=_Outcome(mail, EXPIRED, MailReason.EXPIRED, is_final=True, state=MailState.EXPIRED)
        )
    try:
        return _UnderWay(mail, send(mail))
    except Exception as error:  # one that cannot be written keeps none of those behind it waiting
        return _UnderWay(mail, failed=_failed(mail, error))


def _failed(mail: OutboxMail, error: Exception) -> _Outcome:
    if isinstance(error, MailRefused):
        return _Outcome(mail, str(error)[:500], error.reason, is_final=error.is_final)
    if isinstance(error, OSError):  # smtplib's errors are OSErrors too
        return _Outcome(mail, f"{type(error).__name__}: {error}"[:500], MailReason.NO_ANSWER)
    if isinstance(error, SQLAlchemyError):
        log.error("mail cannot be written yet", mail=mail.id, template=mail.template, exc_info=error)
        db.session.rollback()
        return _Outcome(mail, type(error).__name__, MailReason.TEMPLATE)
    log.error("mail cannot be written", mail=mail.id, template=mail.template, exc_info=error)
    return _Outcome(mail, _unwritten(error), MailReason.TEMPLATE, is_final=True)


def _unwritten(error: Exception) -> str:
    """The kind of an error, and the name of the value that a template lacks; messages of others may quote people."""
    name = type(error).__name__
    return f"{name}: {error}"[:500] if name == "UndefinedError" else name


def _due(at: datetime, priorities: Sequence[int] = PRIORITIES) -> Select[OutboxMail]:
    return select(OutboxMail).where(
        OutboxMail.state == MailState.QUEUED, OutboxMail.priority.in_(priorities), OutboxMail.due_at <= at
    )


def _claim(*, at: datetime, limit: int, per_minute: int | None, priorities: Sequence[int]) -> list[OutboxMail]:
    """Takes mails that are due. Where none is, nothing is locked: the worker asks twice a second."""
    due = db.session.scalar(_due(at, priorities).with_only_columns(OutboxMail.id).limit(1))
    db.session.rollback()
    return [] if due is None else _claim_due(at=at, limit=limit, per_minute=per_minute, priorities=priorities)


@action
def _claim_due(*, at: datetime, limit: int, per_minute: int | None, priorities: Sequence[int]) -> list[OutboxMail]:
    if per_minute:
        limit = min(limit, mail_pace.may_leave(per_minute, at=at))
    mails: list[OutboxMail] = []
    for priority in priorities:
        due = _due(at, [priority]).order_by(OutboxMail.due_at, OutboxMail.id)
        while len(mails) < limit:
            query = due.where(OutboxMail.id.not_in([mail.id for mail in mails])).limit(limit - len(mails))
            found = db.session.scalars(query.with_for_update(skip_locked=True)).all()
            mails += _without_outdated(_without_stopped(_without_declined(_without_expired(found, at=at))))
            if not found:
                break
    if per_minute and mails:
        mail_pace.note_taken(len(mails), at=at)
    for mail in mails:
        db.session.expunge(mail)
        mail.attempts += 1
    taken = update(OutboxMail).where(among(OutboxMail.id, [mail.id for mail in mails]))
    db.session.execute(
        taken.values(attempts=OutboxMail.attempts + 1, due_at=at + LEASE).execution_options(synchronize_session=False)
    )
    return mails


def counts_against_address() -> ColumnElement[bool]:
    """A mail that says that its address does not exist: it came back, or was refused."""
    states = (MailState.UNDELIVERED, MailState.FAILED)
    return and_(
        text(f"outbox_mail.{_IS_NO_SUCH_ADDRESS}"), OutboxMail.state.in_(states)
    )  # as text, so that its index is found


def stopped_among(addresses: Iterable[str]) -> set[str]:
    """Which of these addresses are not written to, until their owner says that they work (`core.bounces`)."""
    query = (
        select(OutboxMail.address)
        .where(among(OutboxMail.address, {one for one in addresses if one}), counts_against_address())
        .group_by(OutboxMail.address)
        .having(func.count() >= MOST_BOUNCES)
    )
    return set(db.session.scalars(query))


def _without_stopped(mails: Sequence[OutboxMail]) -> list[OutboxMail]:
    """Stops mails to addresses that are not written to; returns the others. What somebody asks for now is tried."""
    stopped = stopped_among(mail.address for mail in mails if mail.kind != MailKind.ACCOUNT)
    kept: list[OutboxMail] = []
    for mail in mails:
        if mail.kind == MailKind.ACCOUNT or mail.address not in stopped:
            kept.append(mail)
        else:
            _stop(mail, ADDRESS_STOPPED)
            mail.reason = MailReason.ADDRESS_STOPPED
    db.session.flush()
    return kept


def register_outdated(app: Flask, templates: Iterable[str], check: Outdated) -> None:
    """Has a slice say, just before they leave, which mails of these templates are no longer so, in a few statements
    for however many. They are not sent."""
    app.extensions.setdefault(OUTDATED, {}).update(dict.fromkeys(templates, check))


def _without_outdated(mails: Sequence[OutboxMail]) -> list[OutboxMail]:
    """Stops mails whose news is no longer so; returns the others."""
    checks: dict[str, Outdated] = current_app.extensions.get(OUTDATED, {})
    outdated: set[int] = set()
    for check in {checks[mail.template] for mail in mails if mail.template in checks}:
        outdated |= check([mail for mail in mails if checks.get(mail.template) is check])
    for mail in mails:
        if mail.id in outdated:
            _stop(mail, EXPIRED)
            mail.reason = MailReason.OUTDATED
    db.session.flush()
    return [mail for mail in mails if mail.id not in outdated]


def _without_expired(mails: Sequence[OutboxMail], *, at: datetime) -> list[OutboxMail]:
    """Stops those mails that are no longer worth sending; returns the others."""
    kept: list[OutboxMail] = []
    for mail in mails:
        if mail.expires_at is not None and mail.expires_at <= at:
            _stop(mail, EXPIRED)
        else:
            kept.append(mail)
    db.session.flush()
    return kept


_SENT = (
    update(OutboxMail.__table__)  # type: ignore[arg-type]
    .where(OutboxMail.id.in_(bindparam("ids", expanding=True)), OutboxMail.state != MailState.UNDELIVERED)
    .values(state=MailState.SENT, sent_at=bindparam("now", type_=UtcDateTime), error=None, reason=None)
)
"""Past the session, which takes longer to prepare this than the database to do it. Some mails come back before they
are marked."""


def _mark(outcomes: Sequence[_Outcome], *, at: datetime) -> None:
    """Writes down what became of mails. One that another worker has taken since is left to it, unless it was sent."""
    db.session.rollback()  # the next mail says what is so by then
    plain = [one.mail.id for one in outcomes if one.error is None and SECRET not in one.mail.payload]
    if plain:
        with write_connection() as line, write_turn(line.engine), line.begin():
            line.execute(_SENT, {"ids": plain, "now": at})
    if len(plain) < len(outcomes):
        _mark_others([one for one in outcomes if one.error is not None or SECRET in one.mail.payload], at=at)


@action
def _mark_others(outcomes: Sequence[_Outcome], *, at: datetime) -> None:
    marked = update(OutboxMail).execution_options(synchronize_session=False)
    values: dict[str, Any] = {"state": MailState.SENT, "sent_at": at, "error": None, "reason": None}
    for mail in [outcome.mail for outcome in outcomes if outcome.error is None]:
        mine = marked.where(OutboxMail.id == mail.id, OutboxMail.address == mail.address)  # not erased meanwhile
        db.session.execute(mine.where(OutboxMail.state != MailState.UNDELIVERED).values(**values))
        db.session.execute(mine.values(payload=_without_secret(mail.payload)))
    for outcome in outcomes:
        if outcome.error is None:
            continue
        mail = outcome.mail
        mine = marked.where(
            OutboxMail.id == mail.id, OutboxMail.attempts == mail.attempts, OutboxMail.state == MailState.QUEUED
        )
        values = {"error": outcome.error, "reason": outcome.reason}
        if outcome.is_final or mail.attempts >= MAX_ATTEMPTS:
            values["state"] = outcome.state
        else:
            values["due_at"] = at + min(timedelta(minutes=2**mail.attempts), LONGEST_WAIT)
        if outcome.state is MailState.EXPIRED:
            values["payload"] = _without_secret(mail.payload)
        db.session.execute(mine.values(**values))


@action
def _give_back(mails: Sequence[OutboxMail], *, at: datetime) -> None:
    """What was taken and not tried is due again."""
    if mails:
        taken = update(OutboxMail).where(among(OutboxMail.id, [mail.id for mail in mails]))
        db.session.execute(
            taken.values(attempts=OutboxMail.attempts - 1, due_at=at).execution_options(synchronize_session=False)
        )


def _without_declined(mails: Sequence[OutboxMail]) -> list[OutboxMail]:
    """Stops those mails that their readers have declined since they were posted; returns the others."""
    choices = {mail.id: _choice(mail.kind, mail.person_id, mail.series_id) for mail in mails}
    declined = declined_of(choices.values())
    stopped = [mail for mail in mails if choices[mail.id] in declined]
    for mail in stopped:
        _stop(mail, DECLINED)
    if stopped:
        db.session.flush()
    return [mail for mail in mails if choices[mail.id] not in declined]


_STATES = {EXPIRED: MailState.EXPIRED, DECLINED: MailState.DECLINED}


def _stop(mail: OutboxMail, reason: str) -> None:
    """`reason`: EXPIRED, DECLINED, or a sentence."""
    mail.state = _STATES.get(reason, MailState.STOPPED)
    mail.reason = MailReason(mail.state.value)
    mail.error, mail.payload = reason, _without_secret(mail.payload)


def _without_secret(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != SECRET}


def keys_between(first: str, last: str) -> ColumnElement[bool]:
    """Which mails have a dedupe key in a range, such as all of one message: found by an index."""
    return OutboxMail.dedupe_key.between(first, last)


def stop_unsent(which: ColumnElement[bool]) -> None:
    """Stops those of these mails that are still to be sent, inside the running action."""
    unsent = update(OutboxMail).where(which, OutboxMail.state == MailState.QUEUED)
    db.session.execute(unsent.values(state=MailState.STOPPED, reason=MailReason.STOPPED, error="stopped"))


def queue_again(mail_ids: Sequence[int], *, at: datetime) -> int:
    """Within an action: has failed mails sent now, with as many attempts as at first. Returns how many."""
    values = {"state": MailState.QUEUED, "attempts": 0, "due_at": at, "sent_at": None, "error": None, "reason": None}
    return _change(mail_ids, and_(IS_FAILED, OutboxMail.address != ""), values)


def may_be_withheld() -> ColumnElement[bool]:
    """A mail that is still to be sent, or that failed and could be tried again; not what counts against an address."""
    counts = OutboxMail.reason == MailReason.NO_SUCH_ADDRESS
    failed = and_(OutboxMail.state == MailState.FAILED, or_(OutboxMail.reason.is_(None), ~counts))
    return and_(or_(OutboxMail.state == MailState.QUEUED, failed), OutboxMail.address != "")


def may_be_released(at: datetime) -> ColumnElement[bool]:
    """A mail that was withheld, and still makes sense."""
    return and_(
        OutboxMail.state == MailState.STOPPED,
        OutboxMail.reason == MailReason.WITHHELD,
        OutboxMail.address != "",
        or_(OutboxMail.expires_at.is_(None), OutboxMail.expires_at > at),
    )


def withhold(mail_ids: Sequence[int]) -> int:
    """Within an action: has mails not sent that are still to be sent, until they are released. Returns how many."""
    values = {"state": MailState.STOPPED, "reason": MailReason.WITHHELD, "error": "withheld"}
    return _change(mail_ids, may_be_withheld(), values)


def release(mail_ids: Sequence[int], *, at: datetime) -> int:
    """Within an action: has mails sent after all that were withheld; returns how many."""
    values = {"state": MailState.QUEUED, "attempts": 0, "due_at": at, "error": None, "reason": None}
    return _change(mail_ids, may_be_released(at), values)


def _change(mail_ids: Sequence[int], which: ColumnElement[bool], values: Mapping[str, Any]) -> int:
    query = update(OutboxMail).where(among(OutboxMail.id, mail_ids), which).values(values).returning(OutboxMail.id)
    return len(db.session.execute(query.execution_options(synchronize_session=False)).all())


@action
def stop_due(reason: str, *, at: datetime) -> int:
    """Stops all mail that was due by `at` and is not marked as sent; what is due later goes out. Returns how many."""
    stopped = 0
    for mail in db.session.scalars(_due(at)):
        _stop(mail, reason)
        stopped += 1
    return stopped


ERASED: dict[str, Any] = {
    "address": "",
    "payload": {},
    "person_id": None,
    "error": None,
    "state": case((OutboxMail.state == MailState.QUEUED, MailState.STOPPED), else_=OutboxMail.state),
}
"""What is left of a mail whose reader is erased: not sent if it has not been. Answers of servers quote addresses."""


def erase_mails(person_id: int) -> None:
    """Takes a person's address and payload out of all mails, and stops those not yet sent."""
    db.session.execute(update(OutboxMail).where(OutboxMail.person_id == person_id).values(ERASED))
