"""Writes, sends and stops messages. E-mails are posted by the worker (`send_due_messages`)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series_by_id
from lms.core import audit, clock
from lms.core.db import action, db, one_at_a_time, read_column, read_value
from lms.core.errors import DomainError, Refused
from lms.core.i18n import _
from lms.core.mail_decisions import stop_unsent
from lms.core.outbox import POST_AT_ONCE, post_mails
from lms.core.roles import Actor
from lms.messages import rules
from lms.messages.models import Message, MessageState
from lms.messages.queries import (
    audience_of,
    count_readers,
    due_message,
    get_message,
    get_series_to_write,
    is_of,
    mail_key,
)
from lms.messages.rules import AudienceInput, MessageInput
from lms.people.mail_rows import mail_to
from lms.people.models import Person
from lms.people.queries.access import load_actor
from lms.people.queries.persons import contact_of

TEMPLATE = "message"
STEP = POST_AT_ONCE
"""So many people have their turn in one transaction; between two, a message can be stopped."""


@action
def save_message(slug: str, public_id: str | None, typed: MessageInput, *, by: Actor, at: datetime) -> str:
    """Writes a draft, or changes one. Returns its public id.

    For the staff of the series, else NotFound. Raises Invalid (`subject`, `text`, `lecture`, `country`), and Refused
    for a message that was confirmed.
    """
    series = get_series_to_write(slug, by=by)
    draft = rules.checked(typed)
    audience_of(series, draft.to, by=by)
    if public_id is None:
        row = Message(series_id=series.id, author_id=by.person_id)
        db.session.add(row)
    else:
        row = _held(series, public_id)
        rules.check_is_draft(row)
    row.audience, row.lecture_id, row.country = draft.to.audience, None, draft.to.country
    if draft.to.audience in rules.OF_LECTURE:
        row.lecture_id = draft.to.lecture_id
    row.subject, row.text, row.changed_at = draft.subject, draft.text, at
    db.session.flush()
    return row.public_id


@action
def delete_draft(slug: str, public_id: str, *, by: Actor) -> None:
    """Deletes a draft. Raises NotFound, and Refused for a message that was confirmed."""
    row = _held(get_series_to_write(slug, by=by), public_id)
    rules.check_is_draft(row)
    db.session.delete(row)


@action
def send_to_author(slug: str, public_id: str, *, by: Actor, at: datetime) -> None:
    """Sends a draft to whoever asks, as a reader would get it; the same text once.

    Raises NotFound, and Refused for a message that was confirmed and for somebody without an e-mail address.
    """
    series = get_series_to_write(slug, by=by)
    row = _held(series, public_id)
    rules.check_is_draft(row)
    assert by.person_id is not None
    contact = contact_of([by.person_id]).get(by.person_id)
    if contact is None:
        raise Refused(_("You have no e-mail address."))
    text = hashlib.sha256(f"{row.subject}\n{row.text}".encode()).hexdigest()[:16]
    key = f"message_test-{row.id}-{text}-{by.person_id}"
    post_mails([mail_to(by.person_id, contact, "message_test", {"message_id": row.id}, dedupe_key=key, at=at)])


@action
def confirm_message(slug: str, public_id: str, readers: int, *, by: Actor, at: datetime) -> None:
    """Sends a draft, after a minute in which it can be stopped. Confirmed again, nothing changes.

    `readers` is the number that was shown: raises Refused where it is another one by now, where nobody would get it,
    where there are too many, and where the series has sent too many within a day. Raises NotFound for others than the
    staff of the series.
    """
    series = get_series_to_write(slug, by=by)
    one_at_a_time(f"messages of series {series.id}")
    row = _held(series, public_id)
    if row.state is not MessageState.DRAFT:
        return
    found = count_readers(series, AudienceInput(row.audience, row.lecture_id, row.country), by=by)
    _check_number(series, found.number, readers, at)
    row.state, row.readers, row.sender_id = MessageState.WAITING, found.number, by.person_id
    row.confirmed_at, row.starts_at = at, at + rules.WAIT
    audit.record("send_message", by=by, at=at, detail=_detail(row), series=series.id)


def _check_number(series: Series, number: int, shown: int, at: datetime) -> None:
    if number == 0:
        raise Refused(_("No one would get this message."))
    if number > rules.MAX_READERS:
        raise Refused(_("A message can go to %(n)s people at most. Choose fewer.", n=rules.MAX_READERS))
    if number != shown:
        raise Refused(
            _("The number of readers has changed from %(before)s to %(now)s. Check it and send again.",
              before=shown, now=number)
        )  # fmt: skip
    recent = select(func.count()).where(Message.series_id == series.id, Message.confirmed_at > at - timedelta(days=1))
    if (read_value(recent) or 0) >= rules.MAX_A_DAY:
        raise Refused(
            _("This series has sent %(n)s messages in the last 24 hours. Try again tomorrow.", n=rules.MAX_A_DAY)
        )


@action
def stop_message(slug: str, public_id: str, *, by: Actor, at: datetime) -> None:
    """Keeps back all e-mails of a message that have not been sent. Raises NotFound; for a draft, Refused."""
    series = get_series_to_write(slug, by=by)
    row = _held(series, public_id)
    if row.state is MessageState.STOPPED:
        return
    if not rules.can_stop(row):
        raise Refused(_("This message has not been sent."))
    _stop(row, at)
    audit.record("stop_message", by=by, at=at, detail=_detail(row), series=series.id)


def _stop(row: Message, at: datetime) -> None:
    row.state, row.ended_at = MessageState.STOPPED, at
    stop_unsent(is_of(row.id))


def send_due_messages(*, at: datetime | None = None) -> int:
    """Posts the e-mails of all messages whose minute is over; returns how many people had their turn.

    In short transactions, each of which goes on where the one before ended: whatever stops this, nobody is left out,
    and nobody gets a message twice.
    """
    done = 0
    for message_id in read_column(due_message().where(Message.starts_at <= (at or clock.now()))):
        db.session.rollback()
        while (count := _post_step(message_id, at=at or clock.now())) is not None:
            done += count
    return done


@action
def _post_step(message_id: int, *, at: datetime) -> int | None:
    """Posts the next e-mails of a message; None where none are left. Stops it where its sender may no longer write."""
    row = db.session.scalar(due_message().with_only_columns(Message).where(Message.id == message_id).with_for_update())
    if row is None:
        return None
    try:
        series, people = _next_people(row, at)
    except DomainError:  # a lecture that was not held after all, a sender who left
        _stop(row, at)
        return None
    if not people:
        row.state, row.ended_at = MessageState.SENT, at
        return None
    row.state, row.posted_to = MessageState.SENDING, people[-1]
    post_mails(
        mail_to(
            person_id,
            contact,
            TEMPLATE,
            {"message_id": row.id, "title": series.title},
            dedupe_key=mail_key(row.id, person_id),
            at=at,
            series_id=series.id,
        )
        for person_id, contact in contact_of(people).items()
    )
    return len(people)


def _next_people(row: Message, at: datetime) -> tuple[Series, list[int]]:
    sender = load_actor(row.sender_id, at) if row.sender_id is not None else None
    if sender is None:
        raise Refused
    series = get_series_by_id(row.series_id, by=sender)
    rules.check_can_write(series, sender)
    to = AudienceInput(row.audience, row.lecture_id, row.country)
    query = audience_of(series, to, by=sender).where(Person.id > row.posted_to).order_by(Person.id).limit(STEP)
    return series, list(read_column(query))


def _held(series: Series, public_id: str) -> Message:
    """A message, locked until the end of the action."""
    row = get_message(series, public_id)
    db.session.refresh(row, with_for_update=True)
    return row


def _detail(row: Message) -> dict[str, object]:
    return {
        "message": row.public_id,
        "subject": row.subject,
        "audience": str(row.audience),
        "lecture": row.lecture_id,
        "country": row.country,
        "readers": row.readers,
    }
