"""Who earns a certificate, and who just misses it: the only definition of both, on numbers and on columns alike.

The requirement follows from the policy and the lectures that count; progress follows from attendance.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, overload

from sqlalchemy import ColumnElement

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.persons import PersonAttendance
from lms.attendance.rules import needed_ms
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.rules import AnyLecture, Station, is_planned_draft, length_ms, planned_end
from lms.core.clock import day_of
from lms.core.measures import MINUTE_MS, needed_minutes

L = TypeVar("L", Lecture, Station, AnyLecture)

COUNTED = (LectureState.HELD, LectureState.SCHEDULED, LectureState.LIVE, LectureState.POSTPONED)
"""States of lectures that count towards a certificate: held or upcoming. Drafts count while their time is to come."""
TO_COME = (LectureState.DRAFT, LectureState.SCHEDULED, LectureState.LIVE, LectureState.POSTPONED)


@dataclass(frozen=True)
class Earning:
    """What the policy requires: `needed` of `lectures` (held or upcoming) attended, and `minutes` counted in all of
    them.

    `one_lecture` is the length of the longest in minutes: what one more would add. `to_come` of the lectures are not
    held yet.
    """

    lectures: int
    needed: int
    minutes: int = 0
    one_lecture: int = 0
    to_come: int = 0

    @property
    def needed_ms(self) -> int:
        """The minutes asked for, in milliseconds."""
        return self.minutes * MINUTE_MS


@dataclass(frozen=True)
class Missing:
    """What a person is short of: lectures, and minutes rounded up."""

    lectures: int
    minutes: int


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
    if deadline is None:
        return counted
    return [lecture for lecture in counted if (day := day_given(lecture, zone)) is not None and day <= deadline]


def earning(lectures: Sequence[AnyLecture], policy: Policy) -> Earning:
    """What has to be attended of the lectures measured: a number, or a share with a started lecture rounded up."""
    count = len(lectures)
    return Earning(
        lectures=count,
        needed=policy.min_lectures or max(1, -(-count * policy.min_lectures_percent // 100)),
        minutes=policy.min_minutes or 0,
        one_lecture=max((needed_minutes(_length_ms(lecture)) for lecture in lectures), default=0),
        to_come=sum(lecture.state in TO_COME for lecture in lectures),
    )


def _length_ms(lecture: AnyLecture) -> int:
    return length_ms(lecture) or lecture.duration_minutes * MINUTE_MS


@overload
def has_earned(attended: int, present_ms: int, requirement: Earning) -> bool: ...
@overload
def has_earned(attended: Any, present_ms: Any, requirement: Earning) -> ColumnElement[bool]: ...
def has_earned(attended: Any, present_ms: Any, requirement: Earning) -> Any:
    """Whether a person with this many attended lectures and this much counted time has earned the certificate.

    Numbers give a bool, columns a condition of SQL.
    """
    return has_reached(attended, present_ms, requirement.needed, requirement.needed_ms) & (requirement.lectures > 0)


def has_reached(attended: Any, present_ms: Any, needed: Any, needed_ms: Any) -> Any:
    """Whether a number of lectures and an amount of time are enough, each a number or a column."""
    return (attended >= needed) & (present_ms >= needed_ms)


@overload
def just_misses(attended: int, present_ms: int, requirement: Earning) -> bool: ...
@overload
def just_misses(attended: Any, present_ms: Any, requirement: Earning) -> ColumnElement[bool]: ...
def just_misses(attended: Any, present_ms: Any, requirement: Earning) -> Any:
    """Whether a person attended, the last lecture has been held, and one more lecture would have been enough.

    Numbers give a bool, columns a condition of SQL.
    """
    short = (attended < requirement.needed) | (present_ms < requirement.needed_ms)
    one_more = has_reached(
        attended + 1, present_ms + requirement.one_lecture * MINUTE_MS, requirement.needed, requirement.needed_ms
    )
    came = attended + present_ms > 0
    return came & short & one_more & (requirement.lectures > 0 and requirement.to_come == 0)


def missing(attended: int, present_ms: int, requirement: Earning) -> Missing:
    """What a person is short of."""
    return Missing(
        lectures=max(0, requirement.needed - attended),
        minutes=max(0, needed_minutes(requirement.needed_ms - present_ms)),
    )


@dataclass(frozen=True)
class Standing:
    """A person's progress towards a certificate: requirements, lectures attended, and time counted.

    `remaining` lectures can still be attended, and would add at most `remaining_minutes`; `unannounced` of them are
    drafts. `announces_more`: there are drafts without a date, which may raise the number.
    """

    requirement: Earning
    attended: int = 0
    present_ms: int = 0
    remaining: int = 0
    remaining_minutes: int = 0
    unannounced: int = 0
    announces_more: bool = False

    @property
    def needed(self) -> int:
        """The lectures to be attended."""
        return self.requirement.needed

    @property
    def needed_minutes(self) -> int:
        """The minutes required in total; 0 if none are."""
        return self.requirement.minutes

    @property
    def minutes(self) -> int:
        """The whole minutes counted so far."""
        return self.present_ms // MINUTE_MS

    @property
    def is_reached(self) -> bool:
        """Whether enough was attended."""
        return has_earned(self.attended, self.present_ms, self.requirement)

    @property
    def can_be_earned(self) -> bool:
        """Whether the certificate is earned, or what remains is enough for it."""
        return self.announces_more or has_earned(
            self.attended + self.remaining, self.present_ms + self.remaining_minutes * MINUTE_MS, self.requirement
        )

    @property
    def is_over(self) -> bool:
        """Whether the last lecture was held."""
        return self.requirement.to_come == 0 and not self.announces_more

    @property
    def just_misses(self) -> bool:
        """Whether one more lecture would have been enough, known after the last one."""
        return just_misses(self.attended, self.present_ms, self.requirement)

    @property
    def lacks(self) -> Missing:
        """What is missing still."""
        return missing(self.attended, self.present_ms, self.requirement)

    @property
    def in_numbers(self) -> dict[str, Any]:
        """What a mail says of it, as it is frozen there: the words are those of pages (`macros/progress.html`).

        Minutes are left out where none are asked for, so that mails of many readers are the same.
        """
        lacks = self.lacks
        return {
            "attended": self.attended,
            "needed": self.needed,
            "remaining": self.remaining,
            "minutes": self.minutes if self.needed_minutes else 0,
            "needed_minutes": self.needed_minutes,
            "remaining_minutes": self.remaining_minutes,
            "unannounced": self.unannounced,
            "announces_more": self.announces_more,
            "is_reached": self.is_reached,
            "is_over": self.is_over,
            "just_misses": self.just_misses,
            "can_be_earned": self.can_be_earned,
            "lacks": {"lectures": lacks.lectures, "minutes": lacks.minutes},
        }


def standing(
    lectures: Iterable[AnyLecture],
    attendance: Iterable[PersonAttendance],
    policy: Policy,
    *,
    sessions: Container[int],
    zone: str,
    at: datetime,
    is_in: bool,
) -> Standing | None:
    """The progress of a person with this attendance. None if the series issues no certificates or has no lectures.

    `is_in`: enrolled by now, so that a lecture in progress can still count as attended. People who are not enrolled yet
    are too late for a lecture with less than the required share left, or whose planned time is over.
    """
    lectures = list(lectures)
    counted = measured(lectures, sessions, policy.deadline, zone, at=at)
    begun = beginning(counted, policy, at=at, is_in=is_in)
    if begun is None:
        return None
    ids = {lecture.id for lecture in counted}
    credits = [row for row in attendance if row.lecture_id in ids]
    return replace(
        begun,
        announces_more=has_undated_draft(lectures),
        attended=sum(row.outcome is Outcome.ATTENDED for row in credits),
        present_ms=sum(row.present_ms for row in credits if row.is_counted),
    )


def beginning(counted: Sequence[AnyLecture], policy: Policy, *, at: datetime, is_in: bool) -> Standing | None:
    """The progress of somebody of whom nothing counts yet, among the lectures `measured`. None as for `standing`."""
    if policy.certificate is None or not counted:
        return None
    remaining = [
        lecture
        for lecture in counted
        if lecture.state in TO_COME and (is_in or _leaves_enough(lecture, policy.min_percent, at))
    ]
    return Standing(
        requirement=earning(counted, policy),
        remaining=len(remaining),
        remaining_minutes=sum(lecture.duration_minutes for lecture in remaining),
        unannounced=sum(lecture.state is LectureState.DRAFT for lecture in remaining),
    )


def has_undated_draft(lectures: Iterable[AnyLecture]) -> bool:
    """Whether lectures are prepared that have no date yet."""
    return any(lecture.state is LectureState.DRAFT and lecture.starts_at is None for lecture in lectures)


def _leaves_enough(lecture: AnyLecture, min_percent: int, at: datetime) -> bool:
    """Whether who comes into a lecture at this moment, and not before, can still attend it."""
    length = timedelta(minutes=lecture.duration_minutes)
    if lecture.state is LectureState.LIVE and lecture.actual_start is not None:
        left = lecture.actual_start + length + timedelta(milliseconds=lecture.paused_ms or 0) - at
        return left / timedelta(milliseconds=1) >= needed_ms(lecture.duration_minutes * MINUTE_MS, min_percent)
    end = planned_end(lecture)
    return lecture.state is LectureState.POSTPONED or end is None or end > at
