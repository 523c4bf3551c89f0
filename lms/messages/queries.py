"""Messages of a series, who would get them, and what became of their e-mails."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.roster_query import RosterFilter, count_matching, filtered
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import find_lecture, list_lectures
from lms.catalogue.queries.series import get_series
from lms.certificates.queries.behind import ids_behind
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.certificates.queries.eligibility import ids_in_group
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_column
from lms.core.text.i18n import _
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import day_of, matching, speaking
from lms.enrolment.queries.sharing import matching_for, shared_in
from lms.enrolment.rules import sees_shared_only, speaks_for
from lms.mail.bounces import stopped_among
from lms.mail.kinds import MailKind
from lms.mail.outbox import IS_FAILED, MailState, OutboxMail, keys_between
from lms.mail.reasons import MailReason
from lms.messages.models import Audience, Message, MessageState
from lms.messages.rules import OF_LECTURE, AudienceInput, check_audience, check_can_write, may_write
from lms.people.models import Person
from lms.people.queries.countries import belonging_to, get_country
from lms.people.queries.mail_choices import wanting
from lms.people.queries.persons import addresses_of

LISTED = 50
"""The number of messages of a series, and of people whose e-mail failed, that are listed."""


@dataclass(frozen=True)
class Readers:
    """How many people an audience has, and how many of them get the message: not those who declined messages, and not
    those without an e-mail address, or with an address that returned e-mails.
    """

    total: int
    declined: int
    unreachable: int

    @property
    def number(self) -> int:
        """How many get it."""
        return self.total - self.declined - self.unreachable


@dataclass(frozen=True)
class MessageProgress:
    """The states of the e-mails of a message: `skipped` were declined, or stopped before they were sent."""

    sent: int = 0
    waiting: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Failure:
    """A reader whose e-mail could not be sent so far, and why. `is_final`: it is not tried again."""

    full_name: str
    reason: MailReason | None
    is_final: bool


def get_series_to_write(slug: str, *, by: Actor) -> Series:
    """A series of whose enrolled people the actor can write to some at least. Raises NotFound."""
    series = get_series(slug, by=by)
    check_can_write(series, by)
    return series


def get_message(series: Series, public_id: str, *, by: Actor) -> Message:
    """A message of a series. Raises NotFound, also for a focal point who did not write it."""
    row = db.session.scalar(_messages(series, by).where(Message.public_id == public_id))
    if row is None:
        raise NotFound
    return row


def list_messages(series: Series, *, by: Actor) -> list[Message]:
    """The latest messages of a series, the newest first; for a focal point, those that they wrote."""
    return list(db.session.scalars(_messages(series, by).order_by(Message.id.desc()).limit(LISTED)))


def _messages(series: Series, by: Actor) -> Select[Message]:
    query = select(Message).where(Message.series_id == series.id)
    return query if may_write(series, by) else query.where(Message.author_id == by.person_id)


def audience_input(row: Message) -> AudienceInput:
    """The audience of a message."""
    return AudienceInput(row.audience, row.lecture_id, row.country, row.search)


def held_lectures_of(series: Series, *, by: Actor) -> list[Lecture]:
    """The lectures whose outcomes can choose readers, the latest first."""
    held = [one for one in list_lectures(series.id, by=by) if one.state is LectureState.HELD]
    return sorted(held, key=lambda lecture: (lecture.actual_start is not None, lecture.actual_start), reverse=True)


def audience_of(series: Series, to: AudienceInput, *, by: Actor, held: Lecture | None = None) -> Select[Any]:
    """The query of the ids of the people an audience holds, all enrolled in the series now. `held`: its lecture, where
    it is known already.

    Raises Invalid (`lecture`, `country`) for a lecture that is not held, or of another series, and for an unknown
    country; Refused where the series gives no certificate that somebody could be short of, or where nobody can be
    falling behind; Forbidden for people that the actor cannot write to.
    """
    country_id = get_country(to.country).id if to.country else None
    check_audience(series, to, country_id, by)
    query: Select[Any] = enrolled(series)
    if to.audience in OF_LECTURE:
        lecture = held
        if lecture is None and to.lecture_id is not None:
            lecture = find_lecture(to.lecture_id)
        if lecture is None or lecture.series_id != series.id or lecture.state is not LectureState.HELD:
            raise Invalid("lecture", _("Choose a lecture that was held."))
        outcome = RosterFilter(outcome=Outcome(to.audience.value), is_invited=False)
        query = query.where(Person.id.in_(filtered(lecture, outcome, by=by)))
    elif to.audience is Audience.SHORT:
        query = query.where(Person.id.in_(ids_in_group(series.slug, EarnerGroup.MISSES, by=by)))
    elif to.audience is Audience.BEHIND:
        query = query.where(Person.id.in_(ids_behind(series, country_id, by=by)))
        if to.search:
            condition = matching(to.search) if speaks_for(by, country_id) else matching_for(to.search, series.id, by=by)
            query = query.where(Person.id.in_(select(Person.id).where(condition)))
    if country_id is not None:
        query = query.where(Person.id.in_(belonging_to([country_id], day_of(None))))
        if _sees_shared_only(by, country_id):
            query = query.where(Person.id.in_(shared_in(series.id)))
    return query


def _sees_shared_only(by: Actor, country_id: int | None) -> bool:
    """Whether the actor sees the names of an audience only where they are shared with the staff of the series."""
    return sees_shared_only(by) and not speaks_for(by, country_id)


def enrolled(series: Series) -> Select[Any]:
    """The query of the ids of everybody enrolled in a series now."""
    return speaking(Person.id).where(
        Enrolment.series_id == series.id, Enrolment.status == EnrolmentStatus.ENROLLED, Person.erased_at.is_(None)
    )


def count_audiences(series: Series, lecture: Lecture | None, *, by: Actor) -> dict[Audience, int]:
    """How many people each audience holds that staff can choose: those of a lecture only where one is named, and
    nobody *short* or *behind* where the series gives no certificate."""
    counts = {}
    for audience in Audience:
        if audience in OF_LECTURE and lecture is None:
            continue
        try:
            counts[audience] = count_matching(audience_of(series, AudienceInput(audience), by=by, held=lecture))
        except Refused:
            continue
    return counts


def readers_among(series: Series, people: Collection[int]) -> Readers:
    """How many of these people would get a message."""
    subscribed = wanting(MailKind.MESSAGE, people, series.id)
    addresses = addresses_of(subscribed)
    stopped = stopped_among(addresses.values())
    reached = sum(address not in stopped for address in addresses.values())
    return Readers(len(people), len(people) - len(subscribed), len(subscribed) - reached)


def count_readers(series: Series, to: AudienceInput, *, by: Actor) -> Readers:
    """How many people of an audience get a message. Raises as `audience_of`."""
    return readers_among(series, read_column(audience_of(series, to, by=by)))


def list_examples(series: Series, to: AudienceInput, *, by: Actor, limit: int = 5) -> list[tuple[str, str]]:
    """Some readers of an audience whose names the actor may see, for the preview: (public id, name)."""
    ids = audience_of(series, to, by=by).subquery()
    query = select(Person.public_id, Person.full_name).where(Person.id.in_(select(ids)))
    if _sees_shared_only(by, get_country(to.country).id if to.country else None):
        query = query.where(Person.id.in_(shared_in(series.id)))
    rows = read(query.order_by(Person.sort_name, Person.id).limit(limit))
    return [(row.public_id, row.full_name) for row in rows]


def mail_key(message_id: int, person_id: int) -> str:
    """The key of the e-mail of a message to one person."""
    return f"message-{message_id}-{person_id}"


def is_of(message_id: int) -> ColumnElement[bool]:
    """Whether an e-mail in the outbox is of a message."""
    return keys_between(f"message-{message_id}-", f"message-{message_id}-:")


def progress_of(message: Message) -> MessageProgress:
    """Returns what became of the e-mails of a message so far."""
    state = case((IS_FAILED, "failed"), else_=OutboxMail.state)
    rows = read(select(state, func.count()).where(is_of(message.id)).group_by(state))
    counts: Counter[str] = Counter(dict(tuple(row) for row in rows))
    skipped = sum(counts[state] for state in (MailState.EXPIRED, MailState.DECLINED, MailState.STOPPED))
    return MessageProgress(counts[MailState.SENT], counts[MailState.QUEUED], counts["failed"], skipped)


def list_failures(message: Message, *, by: Actor) -> Sequence[Failure]:
    """The first readers whose e-mail failed, by name; who hides the name from the actor is left out."""
    query = (
        select(Person.full_name, OutboxMail.reason, OutboxMail.state)
        .join(Person, Person.id == OutboxMail.person_id)
        .where(is_of(message.id), IS_FAILED)
    )
    if _sees_shared_only(by, get_country(message.country).id if message.country else None):
        query = query.where(Person.id.in_(shared_in(message.series_id)))
    rows = read(query.order_by(Person.sort_name, Person.id).limit(LISTED))
    return [Failure(row.full_name, row.reason, row.state != MailState.QUEUED) for row in rows]


def find_message(message_id: int) -> Message | None:
    """The message behind an e-mail."""
    return db.session.get(Message, message_id)


def due_message() -> Select[Any]:
    """The query of the ids of messages of which e-mails are still to be posted, the oldest first."""
    return (
        select(Message.id)
        .where(Message.state.in_([MessageState.WAITING, MessageState.SENDING]))
        .order_by(Message.starts_at, Message.id)
    )
