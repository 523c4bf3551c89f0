"""A person's own series and their progress in each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from lms.attendance.queries.persons import PersonAttendance, attendance_of_person
from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import LectureState, Policy, Series
from lms.catalogue.queries.lectures import add_drafts, stations_of
from lms.catalogue.queries.policies import current_policies
from lms.catalogue.rules import Station, not_cancelled
from lms.certificates.queries.progress import find_prospects
from lms.certificates.remaining import Standing, standing
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.time.clock import reporting_zone
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.people import list_of_person


@dataclass(frozen=True)
class OwnSeries:
    """A series with a person's enrolment. `position` counts from 1 on the waiting list; otherwise null."""

    series: Series
    enrolment: Enrolment
    policy: Policy
    lectures: list[Station]
    attendance: dict[int, PersonAttendance]
    standing: Standing | None
    position: int | None

    @property
    def is_in(self) -> bool:
        """Whether a place is held."""
        return self.enrolment.status is EnrolmentStatus.ENROLLED

    @property
    def held(self) -> int:
        """How many lectures were held."""
        return sum(lecture.state is LectureState.HELD for lecture in self.lectures)

    @property
    def count(self) -> int:
        """How many lectures the series has."""
        return len(not_cancelled(self.lectures))

    @property
    def is_over(self) -> bool:
        """Whether no lecture is to come."""
        over = (LectureState.HELD, LectureState.CANCELLED)
        return bool(self.lectures) and all(lecture.state in over for lecture in self.lectures)


def list_own_series(person_id: int, *, by: Actor, at: datetime) -> list[OwnSeries]:
    """Returns a person's series, with upcoming ones first, then the latest.

    For the person and administrators, else NotFound.
    """
    if by.person_id != person_id and not by.is_administrator:
        raise NotFound
    enrolments = list_of_person(person_id)
    ids = [one.series_id for one in enrolments]
    lectures = stations_of(ids, by=by)
    counted = add_drafts({series_id: list(given) for series_id, given in lectures.items()})
    policies = current_policies(ids)
    positions = _positions(enrolments)
    attendance: dict[int, dict[int, PersonAttendance]] = {}
    for attendance_row in attendance_of_person(person_id, by=by):
        attendance.setdefault(attendance_row.series_id, {})[attendance_row.lecture_id] = attendance_row
    own_series = []
    zone = reporting_zone()
    everything = [lecture for given in lectures.values() for lecture in given]
    sessions, prospects = (
        sessions_among(everything),
        find_prospects(everything, policies.values(), person_id=person_id, at=at),
    )
    for enrolment in enrolments:
        attended = attendance.get(enrolment.series_id, {})
        given, policy = lectures[enrolment.series_id], policies[enrolment.series_id]
        own_series.append(
            OwnSeries(
                series=enrolment.series,
                enrolment=enrolment,
                policy=policy,
                lectures=given,
                attendance=attended,
                standing=standing(
                    counted[enrolment.series_id],
                    attended.values(),
                    policy,
                    sessions=sessions,
                    prospects=prospects,
                    zone=zone,
                    at=at,
                    is_in=enrolment.status is EnrolmentStatus.ENROLLED,
                ),
                position=positions.get(enrolment.id),
            )
        )
    return sorted(own_series, key=_weight)


def _weight(own_series: OwnSeries) -> tuple[bool, bool, float]:
    """Sorts series with live or upcoming lectures first, and past ones last, latest first."""
    open_starts = [
        lecture.starts_at.timestamp()
        for lecture in own_series.lectures
        if lecture.state in (LectureState.LIVE, LectureState.SCHEDULED) and lecture.starts_at is not None
    ]
    held = [lecture.actual_start.timestamp() for lecture in own_series.lectures if lecture.actual_start is not None]
    when = -max(held, default=0.0) if own_series.is_over else min(open_starts, default=float("inf"))
    return own_series.is_over, not own_series.is_in, when


def _positions(enrolments: Iterable[Enrolment]) -> dict[int, int]:
    waiting = [enrolment for enrolment in enrolments if enrolment.status is EnrolmentStatus.WAITLISTED]
    if not waiting:
        return {}
    order = (Enrolment.queued_at, Enrolment.id)
    position = func.row_number().over(partition_by=Enrolment.series_id, order_by=order)
    line = (
        select(Enrolment.id, position.label("position"))
        .where(
            Enrolment.series_id.in_([enrolment.series_id for enrolment in waiting]),
            Enrolment.status == EnrolmentStatus.WAITLISTED,
        )
        .subquery()
    )
    query = select(line.c.id, line.c.position).where(line.c.id.in_([enrolment.id for enrolment in waiting]))
    return dict(db.session.execute(query).all())
