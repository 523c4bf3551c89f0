"""Mail waits for the commit: a row written in the action's transaction, sent by the worker afterwards.

What is stored is a frozen payload; the text is rendered when it is sent (by `web/mail.py`). A mail is sent at
least once; `dedupe_key` makes the same mail one row, whatever is run twice. What a person has declined
(`core.mail_kinds`) is not posted; what was declined after it was posted is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import current_app
from sqlalchemy import JSON, ColumnElement, Index, String, Text, and_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.bulk import among
from lms.core.db import Base, UtcDateTime, action, db, is_sqlite
from lms.core.mail_kinds import DECLINABLE, MailKind, kind_of

MAX_ATTEMPTS = 24
LONGEST_WAIT = timedelta(hours=4)
"""Between two attempts: a mail server that is away from Friday to Monday loses nothing."""
log = structlog.get_logger(__name__)
SECRET = "secret"  # noqa: S105 - the name of the key, not the secret
"""A payload's key that holds a one-time secret: it is forgotten as soon as the mail is sent."""
EXPIRED, DECLINED = "expired", "declined"
NOT_FAILED = (EXPIRED, DECLINED)
"""In `OutboxMail.error`: why a mail was not sent, and never will be, though nothing failed."""
ALL_SERIES = 0
"""In place of the id of a series: a mail that is of none, a choice that is for all."""
CHOICES = "lms.mail.choices"
"""The extension of the app that says what people have declined: a `Choices`."""
Choice = tuple[MailKind, int, int]
"""A kind of mail, a person and a series (or `ALL_SERIES`)."""
Choices = Callable[[Collection[Choice]], set[Choice]]
"""Returns those of the choices that are declined."""


class OutboxMail(Base):
    """One mail to one address. `person_id` is a plain id; `people` erases it here.

    Without a `time_zone` the organiser's is meant. `series_id` is a plain id too: which series the mail is about, so
    that a choice for this series applies.
    """

    __tablename__ = "outbox_mail"
    __table_args__ = (Index("ix_outbox_mail_due", "sent_at", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    template: Mapped[str] = mapped_column(String(64))
    kind: Mapped[MailKind] = mapped_column(String(32), server_default=MailKind.ACCOUNT.value)
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
    error: Mapped[str | None] = mapped_column(Text)


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
    rows = [{"series_id": ALL_SERIES, **row, "kind": kind_of(row["template"])} for row in rows]
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


def send_due(send: Callable[[OutboxMail], None], *, at: datetime, limit: int = 20) -> int:
    """Sends up to `limit` mails that are due, oldest first; returns how many were tried.

    No transaction is open while a mail goes out: it is claimed before (the attempt is counted and the next one
    set for later, in case this process dies) and marked afterwards. A failure is kept with its reason and tried
    again, each time after a longer while.
    """
    claimed = _claim(at=at, limit=limit)
    for mail_id in claimed:
        mail = db.session.get_one(OutboxMail, mail_id)
        db.session.expunge(mail)
        db.session.rollback()
        try:
            send(mail)
        except OSError as error:  # smtplib's errors are OSErrors too
            _mark_failed(mail_id, f"{type(error).__name__}: {error}"[:500])
        except Exception as error:  # one that cannot be written keeps none of those behind it waiting
            log.exception("mail cannot be written", mail=mail_id, template=mail.template)
            _mark_failed(mail_id, type(error).__name__)
        else:
            _mark_sent(mail_id, at=at)
    return len(claimed)


def _is_due(at: datetime) -> ColumnElement[bool]:
    return and_(OutboxMail.sent_at.is_(None), OutboxMail.due_at <= at, OutboxMail.attempts < MAX_ATTEMPTS)


def _claim(*, at: datetime, limit: int) -> list[int]:
    """Takes the oldest mails that are due. Where none is, nothing is locked: the worker asks twice a second."""
    due = db.session.scalar(select(OutboxMail.id).where(_is_due(at)).limit(1))
    db.session.rollback()
    return [] if due is None else _claim_due(at=at, limit=limit)


@action
def _claim_due(*, at: datetime, limit: int) -> list[int]:
    due = _is_due(at)
    for mail in db.session.scalars(select(OutboxMail).where(due, OutboxMail.expires_at <= at)):
        _stop(mail, EXPIRED)
    query = select(OutboxMail).where(due).order_by(OutboxMail.id).limit(limit).with_for_update(skip_locked=True)
    mails: list[OutboxMail] = []
    while not mails and (found := db.session.scalars(query).all()):
        mails = _without_declined(found)
    for mail in mails:
        mail.attempts += 1
        mail.due_at = at + min(timedelta(minutes=2**mail.attempts), LONGEST_WAIT)
    return [mail.id for mail in mails]


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


def _stop(mail: OutboxMail, reason: str) -> None:
    mail.attempts, mail.error, mail.payload = MAX_ATTEMPTS, reason, _without_secret(mail.payload)


@action
def _mark_sent(mail_id: int, *, at: datetime) -> None:
    mail = db.session.get_one(OutboxMail, mail_id)
    mail.sent_at, mail.error, mail.payload = at, None, _without_secret(mail.payload)


@action
def _mark_failed(mail_id: int, error: str) -> None:
    db.session.get_one(OutboxMail, mail_id).error = error


def _without_secret(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != SECRET}


@action
def stop_due(reason: str, *, at: datetime) -> int:
    """Stops all mail that was due by `at` and is not marked as sent; what is due later goes out. Returns how many."""
    stopped = 0
    for mail in db.session.scalars(select(OutboxMail).where(_is_due(at))):
        _stop(mail, reason)
        stopped += 1
    return stopped


def erase_mails(person_id: int) -> None:
    """Takes a person's address and payload out of all mails, and stops those not yet sent."""
    db.session.execute(
        update(OutboxMail)
        .where(OutboxMail.person_id == person_id)
        .values(address="", payload={}, person_id=None, attempts=MAX_ATTEMPTS)
    )
