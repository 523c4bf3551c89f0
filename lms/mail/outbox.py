"""Mail waits for the commit: a row written in the action's transaction, sent by the worker afterwards.

What is stored is a frozen payload; the text is rendered when it is sent (by `rendering`). `dedupe_key` makes the
same mail one row, whatever is run twice. What a person has declined (`kinds`) is not posted. `sending` sends what is
posted, `stops` decides what is not sent by then, and `decisions` is what somebody decides about mails that were
posted.

Automatic work, such as the reminders of a lecture or the reading of returned mail, leaves a record, so that several
workers do nothing twice.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import current_app
from sqlalchemy import JSON, ColumnElement, Index, Select, String, Text, and_, delete, or_, select, text
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.background import signals
from lms.core.database.bulk import among
from lms.core.database.session import Base, UtcDateTime, db, is_sqlite, read_column
from lms.mail.kinds import DECLINABLE, LAST, PRIORITIES, MailKind, kind_of, priority_of
from lms.mail.reasons import MailReason

POST_AT_ONCE = 500
"""How many mails of one kind to many people are posted in one transaction, so that nobody waits for a long one."""
SECRET = "secret"  # noqa: S105 - the name of the key, not the secret
"""A payload's key that holds a one-time secret: it is forgotten as soon as the mail is sent."""
ALL_SERIES = 0
"""In place of the id of a series: a mail that is of none, a choice that is for all."""
CHOICES = "lms.mail.choices"
"""The extension of the app that says what people have declined: a `Choices`."""
Choice = tuple[MailKind, int, int]
"""A kind of mail, a person and a series (or `ALL_SERIES`)."""
Choices = Callable[[Collection[Choice]], set[Choice]]
"""Returns those of the choices that are declined."""


class MailState(StrEnum):
    """The state of a mail."""

    QUEUED = "queued"
    """Still to be sent; with an `error`, to be tried again."""
    SENT = "sent"
    UNDELIVERED = "undelivered"
    """It was sent and returned (`bounces`)."""
    FAILED = "failed"
    """It will not be tried again automatically."""
    EXPIRED = "expired"
    DECLINED = "declined"
    STOPPED = "stopped"
    """Somebody stopped it, or its address is not written to."""


IS_NO_SUCH_ADDRESS = f"reason = '{MailReason.NO_SUCH_ADDRESS}'"
"""The condition of an index, which is found by these very words."""


class OutboxMail(Base):
    """One mail to one address. `person_id` is a plain id; `people` erases it here.

    Without a `time_zone` the organiser's is meant. `series_id` is a plain id too: which series the mail is about, so
    that a choice for this series applies.
    """

    __tablename__ = "outbox_mail"
    read_by_strangers = False
    __table_args__ = (
        Index("ix_outbox_mail_queue", "state", "priority", "due_at", "id"),
        Index("ix_outbox_mail_created", "created_at", "state"),
        Index("ix_outbox_mail_address", "address"),
        Index(
            "ix_outbox_mail_no_such_address",
            "address",
            sqlite_where=text(IS_NO_SUCH_ADDRESS),
            postgresql_where=text(IS_NO_SUCH_ADDRESS),
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
    taken_by: Mapped[str | None] = mapped_column(String(255))
    """The process that is sending it (`process_name`); null once that has said what came of it."""
    reason: Mapped[MailReason | None] = mapped_column(String(32))
    error: Mapped[str | None] = mapped_column(Text)


IS_FAILED = or_(
    OutboxMail.state.in_((MailState.FAILED, MailState.UNDELIVERED)),
    and_(OutboxMail.state == MailState.QUEUED, OutboxMail.error.is_not(None)),
)
"""Something went wrong with a mail: it is tried again, or it is not."""
_DEFAULTS: Mapping[str, Any] = {
    "locale": "en",
    "time_zone": "",
    "person_id": None,
    "series_id": ALL_SERIES,
    "expires_at": None,
    "attempts": 0,
}


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
                "locale": locale,
                "time_zone": time_zone,
                "person_id": person_id,
                "series_id": series_id,
                "expires_at": expires_at,
            }
        ]
    )


def post_mails(rows: Iterable[Mapping[str, Any]]) -> int:
    """Many mails at once: rows with the columns that `post_mail` fills; with `due_at`, they leave later.
    What is in `_DEFAULTS` need not be there.

    Leaves out those that their reader has declined; returns how many are left.
    """
    rows = [
        {
            **_DEFAULTS,
            "due_at": row["created_at"],
            **row,
            "kind": (kind := kind_of(row["template"])),
            "priority": priority_of(kind),
        }
        for row in rows
    ]
    declined = declined_of([choice_of(row["kind"], row["person_id"], row["series_id"]) for row in rows])
    accepted = [row for row in rows if choice_of(row["kind"], row["person_id"], row["series_id"]) not in declined]
    if accepted:
        insert = insert_sqlite if is_sqlite() else insert_postgresql
        db.session.execute(insert(OutboxMail).on_conflict_do_nothing(index_elements=["dedupe_key"]), accepted)
        signals.notify(signals.MAIL)
    return len(accepted)


def declined_of(choices: Iterable[Choice | None]) -> set[Choice]:
    """Which of these mails their readers have declined."""
    asked_choices = {choice for choice in choices if choice is not None}
    known: Choices | None = current_app.extensions.get(CHOICES)
    return known(asked_choices) if asked_choices and known is not None else set()


def choice_of(kind: str, person_id: int | None, series_id: int) -> Choice | None:
    """Returns what a person chooses that decides on a mail; None for a mail that is always sent."""
    if person_id is None or kind not in DECLINABLE:
        return None
    return MailKind(kind), person_id, series_id


def posted(keys: Iterable[str]) -> set[str]:
    """Which of these dedupe keys have been used: their mails are on their way or were sent."""
    return set(db.session.scalars(select(OutboxMail.dedupe_key).where(among(OutboxMail.dedupe_key, keys))))


def keys_between(first: str, last: str) -> ColumnElement[bool]:
    """Which mails have a dedupe key in a range, such as all of one message: found by an index."""
    return OutboxMail.dedupe_key.between(first, last)


def due_mails(at: datetime, priorities: Sequence[int] = PRIORITIES) -> Select[OutboxMail]:
    """Mails that are to be sent by `at`."""
    return select(OutboxMail).where(
        OutboxMail.state == MailState.QUEUED, OutboxMail.priority.in_(priorities), OutboxMail.due_at <= at
    )


def without_secret(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload without its one-time secret."""
    return {name: value for name, value in payload.items() if name != SECRET}


KEPT = timedelta(days=60)
"""Longer than any automatic work is due."""


class MailRun(Base):
    """Automatic work done: mails posted, returned mails read. `key` identifies it by ids, never by people's text."""

    __tablename__ = "mail_run"
    read_by_strangers = False

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def begun(keys: Iterable[str]) -> set[str]:
    """Which of these runs were begun already."""
    return set(read_column(select(MailRun.key).where(MailRun.key.in_(list(keys)))))


def begin(key: str, *, at: datetime) -> bool:
    """Begins a run inside the running action; False where another worker did. Forgets old runs."""
    db.session.execute(delete(MailRun).where(MailRun.at < at - KEPT))
    insert = insert_sqlite if is_sqlite() else insert_postgresql
    query = insert(MailRun).values(key=key, at=at).on_conflict_do_nothing().returning(MailRun.key)
    return db.session.scalar(query) is not None


def forget(prefix: str) -> None:
    """Has runs whose keys begin so begin again when they are due."""
    db.session.execute(delete(MailRun).where(MailRun.key.startswith(prefix, autoescape=True)))
