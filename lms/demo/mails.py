"""Mails of the demonstration that are posted by themselves: recordings, reminders, weekly mails, and who declines them.

They are kept as sent, and sent to nobody; some fail, come back or are withheld, so that each state is there. In a large
demonstration, what goes to everybody in a series goes to a sample of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import func, select

from lms.attendance.actions.reminders import post_due_reminders
from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.models import Lecture, LectureState, Series
from lms.core import jobs
from lms.core.clock import day_of, start_of_day
from lms.core.db import action, db
from lms.core.roles import SYSTEM
from lms.enrolment.invitations import invite_due
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail import decisions, sending
from lms.mail.bounces import Bounce, note_bounce
from lms.mail.kinds import MailKind
from lms.mail.outbox import CHOICES, Choice, Choices, MailState, OutboxMail
from lms.mail.reasons import MailRefused
from lms.people.actions.mail_choices import choose_mails, stop_mails
from lms.people.actions.mails import withhold_mails
from lms.people.models import Account
from lms.people.queries.persons import find_person_id

ZONE = "Asia/Shanghai"
TRAINEE = "trainee@demo.test"
READERS = 2500
"""So many people at most get what goes to everybody in a series; people with an account always get it."""
SAMPLED = frozenset({MailKind.REMINDER, MailKind.CHANGE, MailKind.REPLAY, MailKind.CERTIFICATE})
RECORDED = timedelta(days=12)
"""Of lectures that were held so short a time ago the recording is added now."""
ACCOUNTS = "@demo.test"
_OF_OTHERS = (
    ~OutboxMail.address.endswith(ACCOUNTS), OutboxMail.address != "", OutboxMail.kind != MailKind.MESSAGE
)  # fmt: skip
WITHHELD, FULL = 2, 2
"""So many mails are withheld, and so many mailboxes are full."""
_REFUSALS = ((550, "5.7.1 Message refused by policy"), (552, "5.3.4 Message too big"), (550, "5.1.1 No such user"))
DECLINING, CHANGING = 40, 3
"""So many people decline reminders before they are posted, and so many after that."""


def write_to_sample(app: Flask, people: int) -> None:
    """Has an application post the mails in `SAMPLED` to one person in so many only, as if the others declined them."""
    every = max(1, people // READERS)
    declined: Choices = app.extensions[CHOICES]
    if every == 1:
        return

    def choices(asked: Collection[Choice]) -> set[Choice]:
        accounts = set(db.session.scalars(select(Account.person_id)))
        others = {
            choice for choice in asked if choice[0] in SAMPLED and choice[1] % every and choice[1] not in accounts
        }
        return others | declined(set(asked) - others)

    app.extensions[CHOICES] = choices


def remind_of_live(*, now: datetime) -> None:
    """Posts the reminders of the lecture that is about to be live, as they were due; some people want none."""
    _decline(now)
    query = select(Lecture.starts_at).where(
        Lecture.state == LectureState.SCHEDULED, Lecture.starts_at <= now, Lecture.starts_at > now - timedelta(hours=3)
    )
    for starts_at in list(db.session.scalars(query)):
        if starts_at is None:
            continue
        day_before = starts_at - timedelta(days=1)
        post_due_reminders(at=day_before)
        _change_minds(now)
        keep_as_sent(day_before)


def _change_minds(now: datetime) -> None:
    """Some people decline reminders that are on their way."""
    waiting = (
        OutboxMail.kind == MailKind.REMINDER, OutboxMail.sent_at.is_(None), OutboxMail.address != TRAINEE
    )  # fmt: skip
    people = select(OutboxMail.person_id).where(*waiting).order_by(OutboxMail.id).limit(CHANGING)
    for person_id in list(db.session.scalars(people)):
        if person_id is not None:
            stop_mails(person_id, [MailKind.REMINDER], at=now)


def take_in(*, now: datetime) -> None:
    """Posts what is due now, and what was due on Monday."""
    monday = _monday(now)
    for hours in (7, 15, 23):
        at = monday + timedelta(hours=hours)
        _ask_for_digests(at)
        jobs.run_due(at=at)
        keep_as_sent(at)
    _add_recordings(now)
    invite_due(at=now)
    post_due_reminders(at=now)
    _withhold(now)
    keep_as_sent(now, _refusing(_REFUSALS))
    _come_back(now)


@action
def _ask_for_digests(at: datetime) -> None:
    jobs.request_job("post_digests", {"at": at.isoformat()}, by=SYSTEM, at=at)


def _monday(now: datetime) -> datetime:
    """The beginning of the last Monday that is over in most places."""
    today = day_of(now - timedelta(days=1), ZONE)
    return start_of_day(today - timedelta(days=today.weekday()), ZONE)


def _add_recordings(now: datetime) -> None:
    query = select(Lecture.id, Lecture.recording_url).where(
        Lecture.state == LectureState.HELD,
        Lecture.actual_end > now - RECORDED,
        Lecture.actual_end < now,
        Lecture.recording_url.is_not(None),
    )
    for lecture_id, url in db.session.execute(query.order_by(Lecture.actual_end)).all():
        edit_lecture(lecture_id, {"recording_url": None}, by=SYSTEM, at=now)
        edit_lecture(lecture_id, {"recording_url": url}, by=SYSTEM, at=now)


def _decline(now: datetime) -> None:
    enrolled = select(Enrolment.person_id).where(Enrolment.status == EnrolmentStatus.ENROLLED)
    for person_id in list(db.session.scalars(enrolled.order_by(Enrolment.id).distinct().limit(DECLINING))):
        choose_mails(person_id, {MailKind.REMINDER: False, MailKind.REPLAY: False}, by=SYSTEM, at=now)
    own = find_person_id(TRAINEE)
    series = select(Enrolment.series_id).join(Series).where(Enrolment.person_id == own).order_by(Series.id.desc())
    series_id = db.session.scalar(series)
    if own is not None and series_id is not None:
        choose_mails(own, {MailKind.REMINDER: True, MailKind.REPLAY: True}, by=SYSTEM, at=now)
        choose_mails(own, {MailKind.REMINDER: False}, by=SYSTEM, at=now, series_id=series_id)


def _withhold(now: datetime) -> None:
    """An administrator has a few mails not sent that wait."""
    waiting = select(OutboxMail.id).where(OutboxMail.state == MailState.QUEUED, *_OF_OTHERS)
    withhold_mails(list(db.session.scalars(waiting.order_by(OutboxMail.id).limit(WITHHELD))), by=SYSTEM, at=now)


def _refusing(refusals: Sequence[tuple[int, str]]) -> Callable[[OutboxMail], None]:
    """A mail server that refuses some mails for good, to as many readers, and takes the others."""
    left = list(refusals)

    def send(mail: OutboxMail) -> None:
        if left and mail.kind != MailKind.MESSAGE and not mail.address.endswith(ACCOUNTS):
            raise MailRefused(*left.pop())

    return send


def _come_back(now: datetime) -> None:
    """Mails come back: to one address so often that it is not written to any more, and to some others once."""
    latest = (OutboxMail.state == MailState.SENT, OutboxMail.created_at > now - timedelta(days=6), *_OF_OTHERS)
    most = select(OutboxMail.address).where(*latest).group_by(OutboxMail.address)
    addresses = list(db.session.scalars(most.order_by(func.count().desc(), func.min(OutboxMail.id)).limit(1 + FULL)))
    for number, address in enumerate(addresses):
        query = select(OutboxMail.id).where(*latest, OutboxMail.address == address)
        mails = list(db.session.scalars(query.order_by(OutboxMail.id.desc())))
        _note(mails[:1], "5.2.2", "552 5.2.2 mailbox full", now)
        if number == 0:
            _note(mails[1:], "5.1.1", "550 5.1.1 no such user", now)
            _try_again(mails[:1], now)
    keep_as_sent(now)


def _note(mail_ids: Sequence[int], status: str, words: str, now: datetime) -> None:
    for mail_id in mail_ids:
        note_bounce(mail_id, Bounce(status, words, f"{mail_id:032x}", is_to_address=True), at=now)


@action
def _try_again(mail_ids: Sequence[int], now: datetime) -> None:
    decisions.queue_again(mail_ids, at=now)


def keep_as_sent(at: datetime, send: Callable[[OutboxMail], None] = lambda _mail: None) -> None:
    """Has mails to invented people that are due kept as sent; they are sent to nobody."""
    while sending.send_due(send, at=at):
        pass
