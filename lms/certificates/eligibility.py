"""Decides who earns a certificate, and who just misses it: the only definition of both, on numbers and columns alike.

The requirement follows from the policy and the lectures that count (`measured`); progress follows from attendance.
`remaining` decides what remains for a person who has not reached it.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, overload

from sqlalchemy import ColumnElement

from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.rules import AnyLecture, Station, is_planned_draft, length_ms
from lms.core.time.clock import day_of
from lms.core.time.durations import MINUTE_MS, needed_minutes

L = TypeVar("L", Lecture, Station, AnyLecture)

COUNTED = (LectureState.HELD, LectureState.SCHEDULED, LectureState.LIVE, LectureState.POSTPONED)
"""States of lectures that count towards a certificate: held or upcoming. Drafts count while their time is to come."""
TO_COME = (LectureState.DRAFT, LectureState.SCHEDULED, LectureState.LIVE, LectureState.POSTPONED)

AWAITED = timedelta(days=14)
"""So long a held lecture without attendance is expected to be counted still."""


@dataclass(frozen=True)
class Earning:
    """What the policy requires: `needed` of `lectures` (held or upcoming) attended, and `minutes` counted in all of
    them.

    `one_lecture` is the length of the longest in minutes: what one more would add. `to_come` of the lectures are not
    held yet. `awaited`: the number of those held and are not counted yet.
    """

    lectures: int
    needed: int
    minutes: int = 0
    one_lecture: int = 0
    to_come: int = 0
    awaited: int = 0

    @property
    def needed_ms(self) -> int:
        """The minutes asked for, in milliseconds."""
        return self.minutes * MINUTE_MS


@dataclass(frozen=True)
class Missing:
    """What a person is short of: lectures, minutes rounded up, and the titles of the knowledge checks to pass, where
    they were asked for; an empty title where none is published. `feedback`: feedback is all that is missing."""

    lectures: int
    minutes: int
    checks: tuple[str, ...] = ()
    feedback: bool = False


def day_given(lecture: AnyLecture, zone: str) -> date | None:
    """The day on which a lecture began or is to begin, in an IANA zone; null for one without a date."""
    starts = lecture.actual_start or lecture.starts_at
    return day_of(starts, zone) if starts else None


def measured(
    lectures: Iterable[L], sessions: Container[int], deadline: date | None, zone: str, *, at: datetime
) -> list[L]:
    """The lectures that count towards a certificate: held or upcoming, and started by the end of the deadline.

    Drafts count while their planned time is in the future, so that publishing them raises no requirement.

    A held lecture counts once it is in the totals: `sessions` are the ids of those. A lecture not confirmed as held
    does not count. Evidence that arrives later counts too: its order never changes what was earned.
    """
    counted = [
        lecture
        for lecture in lectures
        if (lecture.state in COUNTED or is_planned_draft(lecture, at))
        and not lecture.held_unknown
        and (lecture.state is not LectureState.HELD or lecture.id in sessions)
    ]
    return _by_deadline(counted, deadline, zone)


def awaited(
    lectures: Iterable[L], sessions: Container[int], deadline: date | None, zone: str, *, at: datetime
) -> list[L]:
    """The held lectures that do not count towards a certificate yet, and are expected to (`AWAITED`)."""
    uncounted = [
        lecture
        for lecture in lectures
        if lecture.state is LectureState.HELD
        and not lecture.held_unknown
        and lecture.id not in sessions
        and lecture.actual_end is not None
        and lecture.actual_end > at - AWAITED
    ]
    return _by_deadline(uncounted, deadline, zone)


def _by_deadline(lectures: list[L], deadline: date | None, zone: str) -> list[L]:
    if deadline is None:
        return lectures
    return [lecture for lecture in lectures if (day := day_given(lecture, zone)) is not None and day <= deadline]


def earning(lectures: Sequence[AnyLecture], policy: Policy, *, awaited: int = 0) -> Earning:
    """What has to be attended of the lectures measured: a number, or a share with a started lecture rounded up.

    `awaited`: how many more were held and are not counted yet.
    """
    count = len(lectures)
    return Earning(
        lectures=count,
        needed=policy.min_lectures or max(1, -(-count * policy.min_lectures_percent // 100)),
        minutes=policy.min_minutes or 0,
        one_lecture=max((needed_minutes(given_or_planned_ms(lecture)) for lecture in lectures), default=0),
        to_come=sum(lecture.state in TO_COME for lecture in lectures),
        awaited=awaited,
    )


def given_or_planned_ms(lecture: AnyLecture) -> int:
    """The actual length of a lecture in milliseconds, or the planned one where it was not given yet."""
    return length_ms(lecture) or lecture.duration_minutes * MINUTE_MS


@overload
def has_earned(attended: int, present_ms: int, requirement: Earning, *, others: bool) -> bool: ...
@overload
def has_earned(
    attended: Any, present_ms: Any, requirement: Earning, *, others: ColumnElement[bool]
) -> ColumnElement[bool]: ...
def has_earned(attended: Any, present_ms: Any, requirement: Earning, *, others: Any) -> Any:
    """Whether a person with this many attended lectures and this much counted time has earned the certificate.

    `others`: whether the person has met what is asked for besides attendance (`queries.conditions`). Numbers give a
    bool, columns a condition of SQL.
    """
    is_enough = has_reached(attended, present_ms, requirement.needed, requirement.needed_ms)
    return is_enough & (requirement.lectures > 0) & others


def has_reached(attended: Any, present_ms: Any, needed: Any, needed_ms: Any) -> Any:
    """Whether a number of lectures and an amount of time are enough, each a number or a column."""
    return (attended >= needed) & (present_ms >= needed_ms)


@overload
def just_misses(attended: int, present_ms: int, requirement: Earning, *, replays: int = 0, others: bool) -> bool: ...
@overload
def just_misses(
    attended: Any, present_ms: Any, requirement: Earning, *, replays: Any = 0, others: ColumnElement[bool]
) -> ColumnElement[bool]: ...
def just_misses(attended: Any, present_ms: Any, requirement: Earning, *, replays: Any = 0, others: Any) -> Any:
    """Whether a person attended, nothing remains for them, and one more lecture would have been enough.

    `replays`: how many remain for the person. `others` as for `has_earned`. Numbers give a bool, columns a condition of
    SQL.
    """
    short = (attended < requirement.needed) | (present_ms < requirement.needed_ms)
    one_more = has_reached(
        attended + 1, present_ms + requirement.one_lecture * MINUTE_MS, requirement.needed, requirement.needed_ms
    )
    came = attended + present_ms > 0
    is_over = requirement.lectures > 0 and requirement.to_come == requirement.awaited == 0
    return came & short & one_more & (replays == 0) & is_over & others


def missing(attended: int, present_ms: int, requirement: Earning) -> Missing:
    """What a person is short of."""
    return Missing(
        lectures=max(0, requirement.needed - attended),
        minutes=max(0, needed_minutes(requirement.needed_ms - present_ms)),
    )
