"""Writes, sends and stops messages. E-mails are posted by the worker (`send_due_messages`)."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import and_, func, not_, select

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series_by_id
from lms.certificates.queries.progress import standings_of
from lms.core.base.errors import DomainError, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time, read_column, read_value
from lms.core.text.i18n import _
from lms.core.text.translations import TextOf
from lms.core.time import clock
from lms.mail.decisions import stop_unsent
from lms.mail.outbox import POST_AT_ONCE, post_mails
from lms.messages import rules
from lms.messages.models import Audience, Message, MessageState
from lms.messages.queries import (
    audience_input,
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
"""The number of people processed in one transaction; between two, a message can be stopped."""


@action
def save_message(slug: str, public_id: str | None, typed: MessageInput, *, by: Actor, at: datetime) -> str:
    """Writes a draft, or changes one. Returns its public id.

    For the staff of the series, and for focal points who remind people of their countries. Raises NotFound and
    Forbidden for others, Invalid (`subject`, `text`, `lecture`, `country`, `search`), and Refused for a message that
    was confirmed.
    """
    series = get_series_to_write(slug, by=by)
    draft = rules.checked(typed)
    audience_of(series, draft.to, by=by)
    if public_id is None:
        row = Message(series_id=series.id, author_id=by.person_id)
        db.session.add(row)
    else:
        row = _held(series, public_id, by=by)
        rules.check_is_draft(row)
    row.audience, row.lecture_id = draft.to.audience, None
    row.country, row.search = draft.to.country, draft.to.search
    if draft.to.audience in rules.OF_LECTURE:
        row.lecture_id = draft.to.lecture_id
    row.subject, row.text, row.changed_at = draft.subject, draft.text, at
    db.session.flush()
    return row.public_id


@action
def delete_draft(slug: str, public_id: str, *, by: Actor) -> None:
    """Deletes a draft. Raises NotFound, and Refused for a message that was confirmed."""
    row = _held(get_series_to_write(slug, by=by), public_id, by=by)
    rules.check_is_draft(row)
    db.session.delete(row)


@action
def send_to_author(slug: str, public_id: str, *, by: Actor, at: datetime) -> None:
    """Sends a draft to the person who requests it, as a reader would get it; the same text once.

    Raises NotFound, and Refused for a message that was confirmed and for somebody without an e-mail address.
    """
    series = get_series_to_write(slug, by=by)
    row = _held(series, public_id, by=by)
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
    row = _held(series, public_id, by=by)
    if row.state is not MessageState.DRAFT:
        return
    to = audience_input(row)
    number = count_readers(series, to, by=by).number
    _check_number(number, readers)
    _check_frequency(series, to, at)
    row.state, row.readers, row.sender_id = MessageState.WAITING, number, by.person_id
    row.confirmed_at, row.starts_at = at, at + rules.WAIT
    audit.record("send_message", by=by, at=at, detail=_detail(row), series=series.id)


def _check_number(number: int, shown: int) -> None:
    if number == 0:
        raise Refused(_("No one would get this message."))
    if number > rules.MAX_READERS:
        raise Refused(_("A message can go to %(n)s people at most. Choose fewer.", n=rules.MAX_READERS))
    if number != shown:
        raise Refused(
            _("The number of readers has changed from %(before)s to %(now)s. Check it and send again.",
              before=shown, now=number)
        )  # fmt: skip


def _check_frequency(series: Series, to: AudienceInput, at: datetime) -> None:
    recent = select(func.count()).where(Message.series_id == series.id, Message.confirmed_at > at - timedelta(days=1))
    is_reminder = and_(Message.audience == Audience.BEHIND, Message.country != "")
    if to.is_reminder:
        number = read_value(recent.where(is_reminder, Message.country == to.country)) or 0
        if number >= rules.MAX_REMINDERS_A_DAY:
            raise Refused(
                _("The people of this country were sent %(n)s reminders about this series in the last 24 hours. "
                  "Try again tomorrow.", n=number)
            )  # fmt: skip
    elif (read_value(recent.where(not_(is_reminder))) or 0) >= rules.MAX_A_DAY:
        raise Refused(
            _("This series has sent %(n)s messages in the last 24 hours. Try again tomorrow.", n=rules.MAX_A_DAY)
        )


@action
def stop_message(slug: str, public_id: str, *, by: Actor, at: datetime) -> None:
    """Keeps back all e-mails of a message that have not been sent. Raises NotFound; for a draft, Refused."""
    series = get_series_to_write(slug, by=by)
    row = _held(series, public_id, by=by)
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
    """Posts the e-mails of all messages whose minute is over; returns how many people were processed.

    In short transactions, each of which continues where the one before ended: after an interruption, nobody is left
    out, and nobody gets a message twice.
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
    payload = {"message_id": row.id, "title": TextOf(series)}
    progress = standings_of(series.id, people, at=at) if row.audience is Audience.BEHIND else {}
    post_mails(
        mail_to(
            person_id,
            contact,
            TEMPLATE,
            payload | ({"progress": progress[person_id].in_numbers} if person_id in progress else {}),
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
    people = audience_of(series, audience_input(row), by=sender)
    query = people.where(Person.id > row.posted_to).order_by(Person.id).limit(STEP)
    return series, list(read_column(query))


def _held(series: Series, public_id: str, *, by: Actor) -> Message:
    """A message, locked until the end of the action."""
    row = get_message(series, public_id, by=by)
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
