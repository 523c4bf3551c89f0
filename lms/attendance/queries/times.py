"""When a lecture took place according to its evidence, and what changing its times would do. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from lms.attendance import rules
from lms.attendance.models.evidence import AttendanceImport, Beat, Join, Presence, Source
from lms.attendance.presence import is_held, presence_of_joins, span_between
from lms.attendance.queries.change_preview import OutcomeDifference, difference
from lms.attendance.queries.closings import find_closing
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.catalogue.state_changes import check_can_correct_times, check_can_hold
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.time import clock, durations

_TELLING = (Source.LIVE, Source.IMPORT)
"""Sources that show when a lecture took place: not replays or declared times."""


@dataclass(frozen=True)
class Told:
    """The record of one source: the live room (`file_name` null) or a report, its people, the first and last."""

    source: Source
    file_name: str | None
    people: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Proposal:
    """When a lecture probably took place. `start_as_planned`, `end_as_planned`: the evidence is close to the plan."""

    start: datetime
    end: datetime
    start_as_planned: bool
    end_as_planned: bool
    observations: list[Told]


@dataclass(frozen=True)
class TimesPreview:
    """The changes that these times would make. `key` identifies what was reviewed and changes with it."""

    lecture: Lecture
    start: datetime
    end: datetime
    difference: OutcomeDifference
    is_closed: bool
    length_ms: int

    @property
    def key(self) -> str:
        """The key of what was reviewed."""
        return self.difference.key

    @property
    def is_as_it_is(self) -> bool:
        """Whether these are the times that it has."""
        return is_held(self.lecture) and (self.start, self.end) == (self.lecture.actual_start, self.lecture.actual_end)


def propose_times(lecture_id: int, *, by: Actor) -> Proposal | None:
    """When a lecture took place according to its reports and the live room. None without evidence or date. For its
    instructors and administrators.
    """
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    observations = sorted([*_reports(lecture_id), *_room(lecture_id)], key=lambda observation: -observation.people)
    if not observations or lecture.starts_at is None:
        return None
    query = select(Presence.joined_ms, Presence.left_ms).where(
        Presence.lecture_id == lecture_id, Presence.source.in_(_TELLING)
    )
    seen = [(joined, left) for joined, left in db.session.connection().execute(query)]
    seen += [interval for _join, _person, interval, _offline in presence_of_joins(lecture_id)]
    planned = clock.to_ms(lecture.starts_at)
    planned_end = planned + lecture.duration_minutes * durations.MINUTE_MS
    start, end = rules.propose_times(seen, planned, planned_end)
    return Proposal(clock.from_ms(start), clock.from_ms(end), start == planned, end == planned_end, observations)


def _reports(lecture_id: int) -> Sequence[Told]:
    """Returns what each report saw, and what of our own room is compacted."""
    who = func.count(func.coalesce(Presence.person_id, -Presence.attendee_id).distinct())
    query = (
        select(
            Presence.source, AttendanceImport.file_name, who, func.min(Presence.joined_ms), func.max(Presence.left_ms)
        )
        .outerjoin(AttendanceImport, AttendanceImport.id == Presence.import_id)
        .where(Presence.lecture_id == lecture_id, Presence.source.in_(_TELLING))
        .group_by(Presence.source, AttendanceImport.id, AttendanceImport.file_name)
        .order_by(AttendanceImport.id)
    )
    return [
        Told(source, name, people, clock.from_ms(first), clock.from_ms(last))
        for source, name, people, first, last in db.session.execute(query)
    ]


def _room(lecture_id: int) -> Sequence[Told]:
    """Returns what our own room saw, of which no presence was made yet."""
    query = (
        select(func.count(Join.person_id.distinct()), func.min(Beat.received_ms), func.max(Beat.received_ms))
        .join(Beat, Beat.join_id == Join.id)
        .where(Join.lecture_id == lecture_id)
    )
    people, first, last = db.session.execute(query).one()
    return [Told(Source.LIVE, None, people, clock.from_ms(first), clock.from_ms(last))] if people else []


def preview_times(lecture_id: int, start: datetime, end: datetime, *, by: Actor, at: datetime) -> TimesPreview:
    """Returns what these actual times (aware) would change, for a held lecture or one that nobody started. For its
    instructors and administrators.

    Raises Refused in other states, and Invalid (`actual_start`, `actual_end`) for impossible times.
    """
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    check_times(lecture, start, end, at)
    span = span_between(lecture, start, end)
    is_closed = find_closing(lecture_id) is not None
    return TimesPreview(lecture, start, end, difference(lecture, span=span), is_closed, span.length_ms)


def check_times(lecture: Lecture, start: datetime, end: datetime, at: datetime) -> None:
    """Raises the errors of `preview_times` for impossible times."""
    if lecture.state is LectureState.HELD:
        check_can_correct_times(lecture, start, end, at)
    else:
        check_can_hold(lecture, start, end, at)
