"""E-mails of the demonstration: automatic ones, invitations, a cancelled lecture, certificates, messages.

They are stored as sent, and sent to nobody; some fail, bounce or are withheld, so that each state exists. In a large
demonstration, mails to everyone in a series go to a sample.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import func, select

from lms.attendance.actions.reminders import post_due_reminders
from lms.catalogue.actions.lectures import edit_lecture, schedule_lecture
from lms.catalogue.actions.states import cancel_lecture, postpone_lecture
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Series
from lms.certificates.models import Award
from lms.certificates.notices import GATHERED, tell_issued
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.core.time.clock import day_of, start_of_day
from lms.demo.programme import ORGANISER_ZONE, lecture_input, read_json
from lms.demo.staff import TRAINEE, actor_of
from lms.enrolment.actions.calendars import make_address, note_reading
from lms.enrolment.invitations import invite_due
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail import decisions, sending
from lms.mail.bounces import Bounce, note_bounce
from lms.mail.kinds import MailKind
from lms.mail.outbox import CHOICES, Choice, Choices, MailState, OutboxMail
from lms.mail.reasons import MailRefused
from lms.messages.actions import confirm_message, save_message, send_due_messages, stop_message
from lms.messages.models import Audience
from lms.messages.queries import count_readers, get_series_to_write, held_lectures_of
from lms.messages.rules import MAX_READERS, WAIT, AudienceInput, MessageInput
from lms.people.actions.mails import choose_mails, stop_mails, withhold_mails
from lms.people.models import Account
from lms.people.queries.persons import find_person_id

ZONE = "Asia/Shanghai"
READERS = 2500
"""The maximum number of readers of a mail to everyone in a series; people with an account always get it."""
SAMPLED = frozenset({MailKind.REMINDER, MailKind.CHANGE, MailKind.REPLAY, MailKind.CERTIFICATE})
RECORDED = timedelta(days=12)
"""Of lectures that were held so short a time ago the recording is added now."""
ACCOUNTS = "@demo.test"
_OF_OTHERS = (
    ~OutboxMail.address.endswith(ACCOUNTS), OutboxMail.address != "", OutboxMail.kind != MailKind.MESSAGE
)  # fmt: skip
WITHHELD, FULL = 2, 2
"""The number of withheld mails, and of full mailboxes."""
_REFUSALS = ((550, "5.7.1 Message refused by policy"), (552, "5.3.4 Message too big"), (550, "5.1.1 No such user"))
DECLINING, CHANGING = 40, 3
"""The number of people who decline reminders before they are posted, and after that."""


def write_to_sample(app: Flask, people: int) -> None:
    """Has an application post the mails in `SAMPLED` to a sample of people, as if the others declined them."""
    every = max(1, people // READERS)
    declined: Choices = app.extensions[CHOICES]
    if every == 1:
        return

    def choices(choices_asked: Collection[Choice]) -> set[Choice]:
        accounts = set(db.session.scalars(select(Account.person_id)))
        others = {
            choice
            for choice in choices_asked
            if choice[0] in SAMPLED and choice[1] % every and choice[1] not in accounts
        }
        return others | declined(set(choices_asked) - others)

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
    keep_as_sent(max(now, clock.now()), _refusing(_REFUSALS))  # tasks post by the clock
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
    trainee_id = find_person_id(TRAINEE)
    series = (
        select(Enrolment.series_id).join(Series).where(Enrolment.person_id == trainee_id).order_by(Series.id.desc())
    )
    series_id = db.session.scalar(series)
    if trainee_id is not None and series_id is not None:
        choose_mails(trainee_id, {MailKind.REMINDER: True, MailKind.REPLAY: True}, by=SYSTEM, at=now)
        choose_mails(trainee_id, {MailKind.REMINDER: False}, by=SYSTEM, at=now, series_id=series_id)


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
    """Returns mails: to one address often enough to stop mail to it, and to some others once."""
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


AHEAD = timedelta(days=9)
_PLANNED, _INVITED_TO_HOUR, _CANCELLED = timedelta(days=-4), timedelta(days=-3), timedelta(hours=-26)
_TOLD_HOLDERS = timedelta(days=-2)


def cancel_an_hour(*, now: datetime) -> None:
    """Adds an hour for questions to the series that is live, invites to it, and cancels it, each with its e-mails. No
    figure counts it."""
    live = select(Series.slug, Lecture.language).join(Lecture, Lecture.series_id == Series.id)
    row = db.session.execute(live.where(Lecture.state == LectureState.LIVE).order_by(Lecture.id)).first()
    if row is None:
        return
    start = (now + AHEAD).astimezone(ORGANISER_ZONE).replace(hour=20, minute=0, second=0, microsecond=0, tzinfo=None)
    hour = lecture_input("cancelled", starts_at=start, language=row.language)
    lecture_id = schedule_lecture(row.slug, hour, by=SYSTEM, at=now + _PLANNED).id
    invite_due(at=now + _INVITED_TO_HOUR)
    keep_as_sent(now + _INVITED_TO_HOUR)
    cancel_lecture(lecture_id, reason=read_json("messages.json")["cancellation"], by=SYSTEM, at=now + _CANCELLED)
    jobs.run_due(at=now + _CANCELLED)  # what planning it asked for, which is past the Monday of `take_in` on some days
    keep_as_sent(now + _CANCELLED)


def tell_holders(*, now: datetime) -> None:
    """Tells the holders of the two series that issued certificates last, each person in one e-mail."""
    latest = select(Award.series_id, Award.kind).group_by(Award.series_id, Award.kind).order_by(Award.series_id.desc())
    for series_id, kind in db.session.execute(latest.limit(2)).all():
        _tell_series(series_id, kind, at=now + _TOLD_HOLDERS)
    keep_as_sent(now + _TOLD_HOLDERS + GATHERED)


@action
def _tell_series(series_id: int, kind: CertificateKind, *, at: datetime) -> None:
    holders = select(Award.person_id).where(Award.series_id == series_id, Award.kind == kind)
    tell_issued(db.session.get_one(Series, series_id), kind, list(db.session.scalars(holders)), at=at)


_INVITED, _MOVED, _BACK, _READ = timedelta(days=-2), timedelta(days=-1), timedelta(hours=-20), timedelta(hours=-3)


def move_and_subscribe(address: str, *, now: datetime) -> None:
    """Invites the enrolled to the lectures that are near; moves the last of them by a day and back again, each with its
    e-mails; and gives somebody a private calendar address that a program reads. E-mails are sent to nobody."""
    invite_due(at=now + _INVITED)
    invited = select(Lecture).where(Lecture.invited_at.is_not(None), Lecture.state == LectureState.SCHEDULED)
    lecture = db.session.scalars(invited.order_by(Lecture.starts_at.desc(), Lecture.id).limit(1)).one_or_none()
    if lecture is not None and lecture.local_start is not None:
        lecture_id, planned = lecture.id, lecture.local_start
        postpone_lecture(lecture_id, local_start=planned + timedelta(days=1), by=SYSTEM, at=now + _MOVED)
        postpone_lecture(lecture_id, local_start=planned, by=SYSTEM, at=now + _BACK)
    keep_as_sent(now + _BACK)
    secret = make_address(by=actor_of(address, now), at=now + _INVITED)
    note_reading(secret, "Google Calendar", at=now + _READ)


WRITTEN_TO = "paperless-trade"
READERS_FROM = "KE"
"""Whose people the message goes to that is sent."""


def write_messages(address: str, *, now: datetime) -> None:
    """Writes three messages: a sent one to people who missed a lecture, a stopped one, and a draft."""
    by = actor_of(address, now)
    lecture = held_lectures_of(get_series_to_write(WRITTEN_TO, by=by), by=by)[0]
    texts = read_json("messages.json")
    first, second = now - timedelta(days=6), now - timedelta(days=3)
    readers = AudienceInput(Audience.ABSENT, lecture.id, READERS_FROM)
    missed = texts["missed"]
    _send_message(MessageInput(readers, missed["subject"].format(title=lecture.title), missed["text"]), by=by, at=first)
    send_due_messages(at=first + WAIT)
    keep_as_sent(first + WAIT)
    everybody = AudienceInput()
    if count_readers(get_series_to_write(WRITTEN_TO, by=by), everybody, by=by).number > MAX_READERS:
        everybody = AudienceInput(country=READERS_FROM)
    stopped = _send_message(MessageInput(everybody, **texts["stopped"]), by=by, at=second)
    stop_message(WRITTEN_TO, stopped, by=by, at=second)
    save_message(WRITTEN_TO, None, MessageInput(AudienceInput(), **texts["draft"]), by=by, at=now)


def _send_message(typed: MessageInput, *, by: Actor, at: datetime) -> str:
    public_id = save_message(WRITTEN_TO, None, typed, by=by, at=at)
    readers = count_readers(get_series_to_write(WRITTEN_TO, by=by), typed.to, by=by).number
    confirm_message(WRITTEN_TO, public_id, readers, by=by, at=at)
    return public_id
