"""Sends the mails of the outbox, each at least once.

Parallel workers take mails in batches, each under a lease: a running worker has marked its mails before the lease ends.
Those of a worker that is known to have died are due at once, all others' after the lease. Urgent mails are taken first
(`kinds.PRIORITY`).
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.background import instruments, signals, tracing
from lms.core.background.processes import ALIVE_FOR, list_heartbeats, process_name
from lms.core.database.bulk import among
from lms.core.database.session import Base, UtcDateTime, action, db, one_at_a_time, write_connection, write_turn
from lms.mail.kinds import PRIORITIES
from lms.mail.outbox import SECRET, MailState, OutboxMail, due_mails, without_secret
from lms.mail.reasons import MailReason, MailRefused
from lms.mail.stops import EXPIRED, stop_unwanted

MAX_ATTEMPTS = 24
LONGEST_WAIT = timedelta(hours=4)
"""Between two attempts: a mail server that is away from Friday to Monday loses nothing."""
BATCH = 100
"""How many mails a worker takes at once, in one transaction."""
BATCH_SECONDS = 5
"""What is not sent of a batch by then is given back, so that a slow server holds up nothing that matters more."""
MARK_AFTER, MARK_SECONDS = 10, 0.25
"""After this many mails, or seconds, sent mails are marked in one transaction.

If the worker dies before, they are sent twice.
"""
LEASE = timedelta(minutes=5)
"""For so long nobody else takes a mail: longer than a batch and the one mail in its middle (`smtp`) can last."""
_MINUTE = timedelta(minutes=1)
_SPELL = timedelta(seconds=5)
"""In each spell only its share of the minute leaves, so that a mail server is not flooded and then left idle."""
log = structlog.get_logger(__name__)
Send = Callable[[OutboxMail], None]
"""Sends one mail, or raises what went wrong."""


class MailTaken(Base):
    """How many mails a worker took at a moment."""

    __tablename__ = "mail_taken"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    count: Mapped[int]


def may_leave(per_minute: int, *, at: datetime) -> int:
    """Within an action: how many mails may leave now. Until it ends, no other worker takes any."""
    one_at_a_time("mail pace")
    db.session.execute(delete(MailTaken).where(MailTaken.at <= at - _MINUTE))
    share = -(-per_minute * _SPELL // _MINUTE)
    return max(0, min(per_minute - _taken(at - _MINUTE), share - _taken(at - _SPELL)))


def note_taken(count: int, *, at: datetime) -> None:
    """Within an action: records that a number of mails were taken."""
    db.session.add(MailTaken(at=at, count=count))


def _taken(since: datetime) -> int:
    return int(db.session.scalar(select(func.sum(MailTaken.count)).where(MailTaken.at > since)) or 0)


@dataclass(frozen=True)
class _Outcome:
    """The result of one attempt. `error` is None where the mail was sent."""

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
    began = marked = time.monotonic()
    handled = 0
    try:
        for mail in mails:
            now = time.monotonic()
            if handled and now - began > BATCH_SECONDS:
                break
            handled += 1
            outcome = _send(send, mail, at=at + timedelta(seconds=now - began))
            outcomes.append(outcome)
            instruments.MAILS.add(1, "sent" if outcome.error is None else outcome.state.value)
            if len(outcomes) >= MARK_AFTER or time.monotonic() - marked > MARK_SECONDS:
                _mark(outcomes, at=at)
                outcomes, marked = [], time.monotonic()
    finally:
        _mark(outcomes, at=at)
        _give_back(mails[handled:], at=at)
    return len(mails)


def _send(send: Send, mail: OutboxMail, *, at: datetime) -> _Outcome:
    if mail.expires_at is not None and mail.expires_at <= at:
        return _Outcome(mail, EXPIRED, MailReason.EXPIRED, is_final=True, state=MailState.EXPIRED)
    try:
        with tracing.span("send mail", {"serai.template": mail.template}):
            send(mail)
    except Exception as error:  # a mail that cannot be written does not delay those after it
        return _failed(mail, error)
    return _Outcome(mail)


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


def _claim(*, at: datetime, limit: int, per_minute: int | None, priorities: Sequence[int]) -> list[OutboxMail]:
    """Takes mails that are due. Where none is, nothing is locked: the worker asks often."""
    if not is_due(at=at, priorities=priorities):
        return []
    return _claim_due(at=at, limit=limit, per_minute=per_minute, priorities=priorities)


def is_due(*, at: datetime, priorities: Sequence[int] = PRIORITIES) -> bool:
    """Whether a mail of these priorities is due."""
    due = db.session.scalar(due_mails(at, priorities).with_only_columns(OutboxMail.id).limit(1))
    db.session.rollback()
    return due is not None


@action
def _claim_due(*, at: datetime, limit: int, per_minute: int | None, priorities: Sequence[int]) -> list[OutboxMail]:
    if per_minute:
        limit = min(limit, may_leave(per_minute, at=at))
    mails: list[OutboxMail] = []
    for priority in priorities:
        due = due_mails(at, [priority]).order_by(OutboxMail.due_at, OutboxMail.id)
        while len(mails) < limit:
            query = due.where(OutboxMail.id.not_in([mail.id for mail in mails])).limit(limit - len(mails))
            claimed = db.session.scalars(query.with_for_update(skip_locked=True)).all()
            mails += stop_unwanted(claimed, at=at)
            if not claimed:
                break
    if per_minute and mails:
        note_taken(len(mails), at=at)
    for mail in mails:
        db.session.expunge(mail)
        mail.attempts += 1
    taken = update(OutboxMail).where(among(OutboxMail.id, [mail.id for mail in mails]))
    db.session.execute(
        taken.values(attempts=OutboxMail.attempts + 1, due_at=at + LEASE, taken_by=process_name()).execution_options(
            synchronize_session=False
        )
    )
    return mails


def _mark(outcomes: Sequence[_Outcome], *, at: datetime) -> None:
    """Records the results of mails. A mail that another worker has taken since is left to it, unless it was sent."""
    db.session.rollback()  # the next mail says what is so by then
    plain = [one.mail.id for one in outcomes if one.error is None and SECRET not in one.mail.payload]
    if plain:
        # Without the session, which takes longer to prepare this than the database to do it
        sent = (
            update(OutboxMail.__table__)  # type: ignore[arg-type]
            .where(OutboxMail.id.in_(plain), OutboxMail.state != MailState.UNDELIVERED)  # returned meanwhile
            .values(state=MailState.SENT, sent_at=at, error=None, reason=None, taken_by=None)
        )
        with write_connection() as line, write_turn(line.engine), line.begin():
            line.execute(sent)
    if len(plain) < len(outcomes):
        _mark_others([one for one in outcomes if one.error is not None or SECRET in one.mail.payload], at=at)


@action
def _mark_others(outcomes: Sequence[_Outcome], *, at: datetime) -> None:
    marked = update(OutboxMail).execution_options(synchronize_session=False)
    values: dict[str, Any] = {
        "state": MailState.SENT, "sent_at": at, "error": None, "reason": None, "taken_by": None,
    }  # fmt: skip
    for mail in [outcome.mail for outcome in outcomes if outcome.error is None]:
        mine = marked.where(OutboxMail.id == mail.id, OutboxMail.address == mail.address)  # not erased since
        db.session.execute(mine.where(OutboxMail.state != MailState.UNDELIVERED).values(**values))
        db.session.execute(mine.values(payload=without_secret(mail.payload)))
    for outcome in outcomes:
        if outcome.error is None:
            continue
        mail = outcome.mail
        mine = marked.where(
            OutboxMail.id == mail.id, OutboxMail.attempts == mail.attempts, OutboxMail.state == MailState.QUEUED
        )
        values = {"error": outcome.error, "reason": outcome.reason, "taken_by": None}
        if outcome.is_final or mail.attempts >= MAX_ATTEMPTS:
            values["state"] = outcome.state
        else:
            values["due_at"] = at + min(timedelta(minutes=2**mail.attempts), LONGEST_WAIT)
        if outcome.state is MailState.EXPIRED:
            values["payload"] = without_secret(mail.payload)
        db.session.execute(mine.values(**values))


@action
def _give_back(mails: Sequence[OutboxMail], *, at: datetime) -> None:
    """Makes what was taken and not tried due again, unless another worker has taken it since."""
    if mails:
        taken = update(OutboxMail).where(
            among(OutboxMail.id, [mail.id for mail in mails]), OutboxMail.taken_by == process_name()
        )
        values = {"attempts": OutboxMail.attempts - 1, "due_at": at, "taken_by": None}
        db.session.execute(taken.values(values).execution_options(synchronize_session=False))
        signals.notify(signals.MAIL)


@action
def give_back_of(names: Collection[str], *, at: datetime) -> None:
    """Makes due again what processes had taken that are gone. Each counts as tried: it may be what ended them."""
    held = OutboxMail.state == MailState.QUEUED, OutboxMail.due_at > at, OutboxMail.taken_by.in_(names)
    given_back = update(OutboxMail).where(*held).values(due_at=at, taken_by=None).returning(OutboxMail.id)
    if db.session.execute(given_back.execution_options(synchronize_session=False)).first():
        signals.notify(signals.MAIL)


def give_back_of_dead(*, at: datetime) -> None:
    """Gives back what the processes had taken that have shown no sign of life for a minute (`process_heartbeats`)."""
    dead = [row.name for row in list_heartbeats() if ALIVE_FOR < at - row.seen_at <= ALIVE_FOR + LEASE]
    db.session.rollback()
    if dead:
        give_back_of(dead, at=at)
