"""Reminders before a lecture: a day before, and an hour before for people who ask for that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, or_, select

from lms.attendance.rules import needed_ms
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.policies import current_policy
from lms.core.base.events import ProgressAsked, publish
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import chunks
from lms.core.database.session import action, db, read, read_value
from lms.core.time.durations import MINUTE_MS, needed_minutes
from lms.enrolment.membership import enrolled_ids
from lms.enrolment.notices import instant, tell_lecture
from lms.mail import outbox
from lms.mail.kinds import kind_of
from lms.mail.outbox import POST_AT_ONCE, OutboxMail
from lms.people.queries.mail_choices import wanting


class Lead(StrEnum):
    """How long before a lecture people are reminded."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True)
class Window:
    """When a reminder is posted, before the start: from `first` on, and not later than `last`."""

    first: timedelta
    last: timedelta


WINDOWS = {
    Lead.DAY: Window(timedelta(days=1), timedelta(hours=12)),
    Lead.HOUR: Window(timedelta(hours=1), timedelta(0)),
}
"""A lecture that is planned on short notice has no reminder a day before."""


@dataclass(frozen=True)
class DueReminder:
    """A reminder that is due: of which lecture, and for which start."""

    lecture_id: int
    starts_at: datetime
    lead: Lead

    @property
    def key(self) -> str:
        """The key of the reminder: a lecture that is moved has another one."""
        return f"{_of_lecture(self.lecture_id)}{self.lead}-{int(self.starts_at.timestamp())}"

    @property
    def template(self) -> str:
        """The template of its e-mails."""
        return f"reminder_{self.lead}"


def post_due_reminders(*, at: datetime) -> int:
    """Posts the reminders that are due; returns how many lectures were reminded of."""
    return sum(_post(due, at=at) for due in _list_due(at))


def _list_due(at: datetime) -> list[DueReminder]:
    query = (
        select(Lecture.id, Lecture.starts_at)
        .join(Series, Series.id == Lecture.series_id)
        .where(
            Lecture.state == LectureState.SCHEDULED,
            Lecture.starts_at > at,
            Lecture.starts_at <= at + max(window.first for window in WINDOWS.values()),
            Series.visibility == Visibility.PUBLIC,
        )
        .order_by(Lecture.starts_at)
    )
    due_list = [
        DueReminder(lecture_id, starts_at, lead)
        for lecture_id, starts_at in read(query)
        for lead, window in WINDOWS.items()
        if window.last < starts_at - at <= window.first
    ]
    known = outbox.begun(due.key for due in due_list) if due_list else set()
    db.session.rollback()  # the worker asks every few seconds, and keeps no transaction open in between
    return [due for due in due_list if due.key not in known]


def _post(due: DueReminder, *, at: datetime) -> bool:
    """In short transactions, so that nobody waits for a long one. Whatever stops this, it is begun again, and nobody
    is reminded twice: the reminders that are there already stay as they are."""
    series_id = read_value(select(Lecture.series_id).where(Lecture.id == due.lecture_id))
    people = sorted(wanting(kind_of(due.template), enrolled_ids(series_id), series_id))
    question = ProgressAsked(series_id=series_id, person_ids=people, by=SYSTEM, at=at)
    publish(question)
    db.session.rollback()
    for some in chunks(people, POST_AT_ONCE):
        if not _post_to(due, some, question.progress, at=at):
            return False
    return _note_posted(due, at=at)


@action
def _note_posted(due: DueReminder, *, at: datetime) -> bool:
    return _holds(due) is not None and outbox.begin(due.key, at=at)


@action
def _post_to(
    due: DueReminder, people: Sequence[int], progress: Mapping[int, Mapping[str, Any]], *, at: datetime
) -> bool:
    lecture = _holds(due)
    if lecture is None:
        return False
    length_ms = lecture.duration_minutes * MINUTE_MS
    more = {
        "starts_at": instant(lecture.starts_at),
        "lecturers": [person.full_name for person in lecture.instructors],
        "language": lecture.language,
        "interpretation": lecture.interpretation,
        "needed": needed_minutes(needed_ms(length_ms, current_policy(lecture.series_id).min_percent)),
    }
    expires_at = due.starts_at - (WINDOWS[Lead.HOUR].first if due.lead is Lead.DAY else timedelta(0))
    by_person = {person_id: {"progress": progress.get(person_id)} for person_id in people}
    tell_lecture(due.template, lecture, people, more, expires_at=expires_at, at=at, key=due.key, by_person=by_person)
    return True


def _holds(due: DueReminder) -> Lecture | None:
    """The lecture, locked until the action ends; None if it was moved or cancelled in the meantime."""
    lecture = locked_lecture(due.lecture_id)
    return lecture if lecture.state is LectureState.SCHEDULED and lecture.starts_at == due.starts_at else None


def forget_reminders(lecture_id: int) -> None:
    """Takes back the reminders of a lecture that have not left, within an action: it has another time, or none."""
    outbox.forget(_of_lecture(lecture_id))
    unsent = select(OutboxMail.id).where(
        OutboxMail.sent_at.is_(None),
        or_(*(OutboxMail.template == f"reminder_{lead}" for lead in Lead)),
        OutboxMail.dedupe_key.startswith(_of_lecture(lecture_id), autoescape=True),
    )
    db.session.execute(delete(OutboxMail).where(OutboxMail.id.in_(unsent)))


def _of_lecture(lecture_id: int) -> str:
    return f"reminder-{lecture_id}-"
