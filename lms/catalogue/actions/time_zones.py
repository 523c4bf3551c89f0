"""The effects of a new time zone database: lectures to come keep their local time, and begin at another moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from lms.catalogue.actions.history import note, record
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LectureState, TimeZoneCheck
from lms.catalogue.rules import resolve_local
from lms.core.base.errors import Invalid
from lms.core.base.events import LecturePostponed, publish
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import zones

_PLANNED = (LectureState.SCHEDULED, LectureState.DRAFT)


@dataclass(frozen=True)
class Shift:
    """A future lecture that begins at another moment than was computed before, at the same local time.

    `after` is null where that local time is skipped or occurs twice by now: `reason` says which, and people decide.
    `enrolled` is the number of people to notify.
    """

    lecture_id: int
    title: str
    local_start: datetime
    time_zone: str
    before: datetime
    after: datetime | None
    reason: str
    enrolled: int


def find_shifts(*, at: datetime) -> list[Shift]:
    """The lectures to come that the time zone database of this process sets at another moment, the next one first."""
    query = (
        select(Lecture)
        .join(Lecture.series)
        .where(
            Lecture.state.in_(_PLANNED), Lecture.local_start.is_not(None), Lecture.starts_at > at - timedelta(days=2)
        )
        .options(contains_eager(Lecture.series))
        .order_by(Lecture.starts_at, Lecture.id)
    )
    shifts = [_shift(lecture) for lecture in db.session.scalars(query)]
    return [shift for shift in shifts if shift is not None and max(shift.before, shift.after or shift.before) > at]


def _shift(lecture: Lecture) -> Shift | None:
    assert lecture.local_start is not None
    assert lecture.starts_at is not None
    after, reason = None, ""
    try:
        after = resolve_local(lecture.local_start, lecture.time_zone)
    except Invalid as error:
        reason = str(error.faults[0].reason)
    if after == lecture.starts_at:
        return None
    enrolled = lecture.series.enrolled if lecture.state is LectureState.SCHEDULED else 0
    return Shift(
        lecture.id,
        lecture.title,
        lecture.local_start,
        lecture.time_zone,
        lecture.starts_at,
        after,
        reason,
        enrolled,
    )


@action
def apply_shift(shift: Shift, *, at: datetime) -> bool:
    """Sets a lecture to the present moment of its local time, and notifies the enrolled; returns whether it did.

    A lecture that was changed since, or whose local time is not clear, is left unchanged.
    """
    lecture = locked_lecture(shift.lecture_id)
    seen = (shift.local_start, shift.time_zone, shift.before)
    is_same = (lecture.local_start, lecture.time_zone, lecture.starts_at) == seen and lecture.state in _PLANNED
    if shift.after is None or not is_same:
        return False
    before = {"starts_at": lecture.starts_at, "local_start": lecture.local_start, "state": lecture.state}
    note(lecture, "moved", before, by=SYSTEM, at=at)
    lecture.starts_at = shift.after
    if lecture.state is LectureState.SCHEDULED:
        lecture.sequence += 1
    db.session.flush()
    record("time_zone_changed", lecture, by=SYSTEM, at=at, version=zones.version())
    if lecture.state is LectureState.SCHEDULED:
        publish(
            LecturePostponed(
                lecture_id=lecture.id,
                old_start=shift.before,
                new_start=shift.after,
                are_clocks_changed=True,
                by=SYSTEM,
                at=at,
            )
        )
    return True


def apply_shifts(shifts: Sequence[Shift], *, at: datetime) -> int:
    """Applies shifts one at a time, each with its mails, and stores the version that was used; returns how many it
    applied. If interrupted, it continues there.
    """
    done = sum(apply_shift(shift, at=at) for shift in shifts)
    keep_version(moved=done, at=at)
    return done


@action
def keep_version(*, moved: int, at: datetime) -> None:
    """Keeps that the lectures to come agree with the time zone database of this process."""
    db.session.add(TimeZoneCheck(version=zones.version(), checked_at=at, moved=moved))


def last_version() -> str | None:
    """The version of the time zone database with which lectures were checked last; null before the first time."""
    return db.session.scalar(select(TimeZoneCheck.version).order_by(TimeZoneCheck.id.desc()).limit(1))
