"""Decides what remains for a person to earn a certificate, and who can still earn it: the only definition of both.

What remains for a person (ADR 91) is each of these that counts towards the certificate, once:

- **Lectures to come**: scheduled, postponed, and drafts with a date to come.
- **A live lecture** that can still count. It can for everybody while the time until its planned end is enough, or if
  its replay is being made and will count. After that it can for the enrolled whose presence so far is enough with the
  time that is left, or was enough within its planned length (ADR 128); and for all enrolled where it has a meeting
  link, since nobody knows yet who is in the meeting.
- **Replays** of held lectures that count at this moment (`recordings.replays`), or are being made and will count: for
  people who have not attended that lecture and whose attendance of it was not corrected by hand.
- **Held lectures that are not counted yet** (`awaited`): no session so far, and ended less than `AWAITED` ago. Their
  credits are being written, or their report has not been imported. They raise no requirement.

The certificate can be earned while what is counted, with all that remains, is enough. It is over, and somebody may just
have missed it, when nothing of that kind remains for the person and no draft waits for a date.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.outcomes import compute_outcome
from lms.attendance.presence import PresenceInterval, Span, span_of
from lms.attendance.queries.persons import PersonAttendance
from lms.attendance.rules import needed_ms
from lms.catalogue.models import LectureState, Policy
from lms.catalogue.rules import AnyLecture, planned_end
from lms.certificates.eligibility import (
    TO_COME,
    Earning,
    Missing,
    awaited,
    earning,
    given_or_planned_ms,
    has_earned,
    just_misses,
    measured,
    missing,
)
from lms.core.text.translations import TextOf
from lms.core.time.clock import to_ms
from lms.core.time.durations import MINUTE_MS
from lms.recordings.replays import OpenReplay


@dataclass(frozen=True)
class RemainingReplay:
    """A replay that remains for a person. `counts_until`: null while it is being made. Watching all of it adds
    `adds_ms` at most."""

    lecture: AnyLecture = field(compare=False)
    lecture_id: int
    counts_until: datetime | None
    adds_ms: int


@dataclass(frozen=True)
class RemainingCheck:
    """A knowledge check that a person has to pass still. `check_id` is null where the policy asks for checks and none
    is published. `is_possible`: it is not closed, and an attempt is left or open. `shown` is the title in the language
    of the page that is being rendered; e-mails have the main one."""

    title: str
    check_id: int | None
    is_possible: bool
    shown: str = ""


@dataclass(frozen=True)
class OpenFeedback:
    """A lecture about which a person can give feedback still, and has not."""

    lecture: AnyLecture
    lecture_id: int
    closes_at: datetime | None


@dataclass(frozen=True)
class RemainingFeedback:
    """About how many more `lectures` a person has to give feedback. `is_possible`: as many are to come, or `waiting`
    for the person now."""

    lectures: int
    is_possible: bool
    waiting: tuple[OpenFeedback, ...] = ()


class Others(NamedTuple):
    """The conditions that remain for a person besides attendance: the checks to pass, and the feedback to give."""

    checks: tuple[RemainingCheck, ...] = ()
    feedback: RemainingFeedback | None = None


class CountedLecture(NamedTuple):
    """The credit of a person for a held lecture. `is_by_hand`: a correction decides it."""

    lecture_id: int
    outcome: Outcome
    present_ms: int
    source: Source
    is_by_hand: bool


@dataclass(frozen=True)
class Standing:
    """A person's progress towards a certificate: requirements, lectures attended, and time counted.

    `remaining` lectures can still be attended, and would add at most `remaining_ms`; `unannounced` of them are drafts.
    `replays` remain besides, those that end first first. Up to `awaited_ms` can be counted still in held lectures.
    `announces_more`: there are drafts without a date, which may raise the number. `checks` have to be passed still, and
    `feedback` to be given.
    """

    requirement: Earning
    attended: int = 0
    present_ms: int = 0
    remaining: int = 0
    remaining_ms: int = 0
    replays: tuple[RemainingReplay, ...] = ()
    replays_ms: int = 0
    awaited_ms: int = 0
    unannounced: int = 0
    announces_more: bool = False
    checks: tuple[RemainingCheck, ...] = ()
    feedback: RemainingFeedback | None = None

    @property
    def has_met_others(self) -> bool:
        """Whether all that is asked for besides attendance is met."""
        return not self.checks and self.feedback is None

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
        """Whether enough was attended, and all else is met."""
        return has_earned(self.attended, self.present_ms, self.requirement, others=self.has_met_others)

    @property
    def lacks_only_feedback(self) -> bool:
        """Whether feedback is all that is missing: more of who has given it is not for staff to read."""
        return self.feedback is not None and not self.checks and self.has_attended_enough

    @property
    def has_attended_enough(self) -> bool:
        """Whether enough was attended, whatever else is asked for."""
        return has_earned(self.attended, self.present_ms, self.requirement, others=True)

    @property
    def can_be_earned(self) -> bool:
        """Whether the certificate is earned, or what remains is enough for it."""
        others = all(check.is_possible for check in self.checks) and (not self.feedback or self.feedback.is_possible)
        return (self.announces_more and others) or has_earned(
            self.attended + self.remaining + len(self.replays) + self.requirement.awaited,
            self.present_ms + self.remaining_ms + self.replays_ms + self.awaited_ms,
            self.requirement,
            others=others,
        )

    @property
    def can_attend_enough(self) -> bool:
        """Whether it can be earned, feedback left aside: of that, staff read only `lacks_only_feedback`."""
        return replace(self, feedback=None).can_be_earned

    @property
    def is_over(self) -> bool:
        """Whether the last lecture was held and counted, and no replay remains."""
        requirement = self.requirement
        return requirement.to_come == requirement.awaited == 0 and not (self.replays or self.announces_more)

    @property
    def just_misses(self) -> bool:
        """Whether one more lecture would have been enough, known when nothing remains."""
        replays, others = len(self.replays), self.has_met_others
        return just_misses(self.attended, self.present_ms, self.requirement, replays=replays, others=others)

    @property
    def remaining_minutes(self) -> int:
        """The whole minutes that all that remains would add."""
        most_ms = self.present_ms + self.remaining_ms + self.replays_ms + self.awaited_ms
        return most_ms // MINUTE_MS - self.minutes

    @property
    def awaited(self) -> int:
        """How many lectures were held and are not counted yet."""
        return self.requirement.awaited

    @property
    def watch_by(self) -> datetime | None:
        """Until when the replay counts that ends first; null where none remains, or all are being made."""
        return min((replay.counts_until for replay in self.replays if replay.counts_until is not None), default=None)

    @property
    def ends_together(self) -> bool:
        """Whether all replays that remain count until the same moment."""
        return len({replay.counts_until for replay in self.replays}) == 1

    @property
    def lacks(self) -> Missing:
        """The part that is missing still."""
        return missing(self.attended, self.present_ms, self.requirement)

    @property
    def in_numbers(self) -> dict[str, Any]:
        """The numbers for a mail, as it is frozen there: the words are those of pages (`macros/progress.html`).

        Minutes are left out where none are asked for, so that mails of many readers are the same.
        """
        lacks = self.lacks
        checks = [{"title": check.title, "is_possible": check.is_possible} for check in self.checks]
        feedback = self.feedback and {"lectures": self.feedback.lectures, "is_possible": self.feedback.is_possible}
        return {
            **({"checks": checks} if checks else {}),
            **({"feedback": feedback} if feedback else {}),
            **({} if self.has_met_others else {"has_attended_enough": self.has_attended_enough}),
            "attended": self.attended,
            "needed": self.needed,
            "remaining": self.remaining,
            "awaited": self.awaited,
            "replays": [
                {
                    "title": TextOf(replay.lecture),
                    "lecture_id": replay.lecture_id,
                    "counts_until_at": replay.counts_until.isoformat() if replay.counts_until else None,
                }
                for replay in self.replays
            ],
            "watch_by_at": self.watch_by.isoformat() if self.watch_by else None,
            "ends_together": self.ends_together,
            "minutes": self.minutes if self.needed_minutes else 0,
            "needed_minutes": self.needed_minutes,
            "remaining_minutes": self.remaining_minutes if self.needed_minutes else 0,
            "unannounced": self.unannounced,
            "announces_more": self.announces_more,
            "is_reached": self.is_reached,
            "is_over": self.is_over,
            "just_misses": self.just_misses,
            "can_be_earned": self.can_be_earned,
            "lacks": {"lectures": lacks.lectures, "minutes": lacks.minutes},
        }


@dataclass(frozen=True)
class Prospects:
    """The data besides states that decides what remains of some lectures: the `replays` that count or will, by lecture,
    and how long somebody was present so far in live lectures of which that is known, by lecture (`counted_so_far`)."""

    replays: Mapping[int, OpenReplay] = field(default_factory=dict)
    present_ms: Mapping[int, int] = field(default_factory=dict)
    checks: Mapping[int, tuple[RemainingCheck, ...]] = field(default_factory=dict)
    """The checks that the person, or somebody who begins, has to pass still, by series."""
    feedback: Mapping[int, RemainingFeedback] = field(default_factory=dict)
    """The feedback that they have to give still, by series."""


NO_PROSPECTS = Prospects()


def standing(
    lectures: Iterable[AnyLecture],
    attendance: Iterable[PersonAttendance],
    policy: Policy,
    *,
    sessions: Container[int],
    prospects: Prospects = NO_PROSPECTS,
    zone: str,
    at: datetime,
    is_in: bool,
) -> Standing | None:
    """The progress of a person with this attendance. None if the series issues no certificates or has no lectures.

    `is_in`: enrolled by now, so that a live lecture can count by what they were present so far. People who are not
    enrolled yet are too late for a lecture with less than the required share left, or whose planned time is over.
    """
    outlook = outlook_of(lectures, policy, sessions=sessions, prospects=prospects, zone=zone, at=at)
    if outlook is None:
        return None
    ids = {lecture.id for lecture in outlook.counted}
    credits = [
        CountedLecture(row.lecture_id, row.outcome, row.present_ms, row.source, row.correction is not None)
        for row in attendance
        if row.lecture_id in ids and row.is_counted
    ]
    return outlook.standing(
        attended=sum(row.outcome is Outcome.ATTENDED for row in credits),
        present_ms=sum(row.present_ms for row in credits),
        credits=credits,
        running_ms=prospects.present_ms,
        is_in=is_in,
    )


@dataclass(frozen=True)
class Outlook:
    """The remaining part of a series, before it is asked for whom. `counted` are the lectures of the requirement. Of
    them `lectures` remain for everybody, `late` for the enrolled only, and `running` for those who were present so far
    for as long as each says, in milliseconds. The `replays` that end first are first.
    """

    requirement: Earning
    counted: Sequence[AnyLecture]
    lectures: Sequence[AnyLecture]
    late: Sequence[AnyLecture]
    running: Sequence[tuple[AnyLecture, int]]
    replays: Sequence[tuple[AnyLecture, OpenReplay]]
    awaited_ms: int
    announces_more: bool
    checks: tuple[RemainingCheck, ...] = ()
    """As `Prospects.checks`."""
    feedback: RemainingFeedback | None = None

    @property
    def remains(self) -> bool:
        """Whether anything remains for somebody, or can be added."""
        lectures = (*self.lectures, *self.late, *self.running)
        return bool(lectures or self.replays or self.requirement.awaited or self.announces_more)

    def standing(
        self,
        *,
        attended: int,
        present_ms: int,
        credits: Iterable[CountedLecture] = (),
        running_ms: Mapping[int, int] | None = None,
        others: Others | None = None,
        is_in: bool,
    ) -> Standing:
        """The progress of a person with so much attended, of whose `credits` those in lectures with replays are needed.

        `running_ms`: how long they were present so far, of running lectures of which that is known. `others`: the
        checks and the feedback that remain for them, where that is not what the outlook says.
        """
        checks, feedback = (self.checks, self.feedback) if others is None else others
        remaining = list(self.lectures)
        if is_in:
            known = running_ms or {}
            remaining += self.late
            remaining += [one for one, enough in self.running if known.get(one.id, enough) >= enough]
        by_lecture = {row.lecture_id: row for row in credits}
        replays = [(one, open_, by_lecture.get(one.id)) for one, open_ in self.replays]
        return Standing(
            requirement=self.requirement,
            attended=attended,
            present_ms=present_ms,
            remaining=len(remaining),
            remaining_ms=sum(lecture.duration_minutes for lecture in remaining) * MINUTE_MS,
            replays=tuple(
                RemainingReplay(one, one.id, open_.counts_until, replay_adds_ms(open_, row))
                for one, open_, row in replays
                if not is_settled(row)
            ),
            replays_ms=sum(replay_adds_ms(open_, row) for _one, open_, row in replays),
            awaited_ms=self.awaited_ms,
            unannounced=sum(lecture.state is LectureState.DRAFT for lecture in remaining),
            announces_more=self.announces_more,
            checks=checks,
            feedback=feedback,
        )


def is_settled(row: CountedLecture | None) -> bool:
    """Whether a replay can no longer make a lecture count for somebody: it does, or a correction decides."""
    return row is not None and (row.is_by_hand or row.outcome is Outcome.ATTENDED)


def replay_adds_ms(replay: OpenReplay, row: CountedLecture | None) -> int:
    """How much time watching all of a replay adds at most: nothing where presence otherwise was enough."""
    if row is None:
        return replay.shown_ms
    if is_settled(row) and (row.is_by_hand or row.source is not Source.REPLAY):
        return 0
    return max(min(replay.shown_ms, replay.length_ms - row.present_ms), 0)


def outlook_of(
    lectures: Iterable[AnyLecture],
    policy: Policy,
    *,
    sessions: Container[int],
    prospects: Prospects = NO_PROSPECTS,
    zone: str,
    at: datetime,
) -> Outlook | None:
    """Returns what remains of a series with these lectures. None as for `standing`."""
    given = list(lectures)
    counted = measured(given, sessions, policy.deadline, zone, at=at)
    if policy.certificate is None or not counted:
        return None
    uncounted = awaited(given, sessions, policy.deadline, zone, at=at)
    remaining, late, running = [], [], []
    for lecture in counted:
        if lecture.state not in TO_COME:
            continue
        is_running = lecture.state is LectureState.LIVE and lecture.actual_start is not None
        if is_running and lecture.id not in prospects.replays:
            enough = _presence_needed(lecture, policy.min_percent, at)
            if enough <= 0:
                remaining.append(lecture)
            else:
                running.append((lecture, enough))
        elif _is_within_plan(lecture, at):
            remaining.append(lecture)
        else:
            late.append(lecture)
    replays = [(one, prospects.replays[one.id]) for one in counted if one.id in prospects.replays]
    held = [(one, open_) for one, open_ in replays if one.state is LectureState.HELD]
    held.sort(key=lambda pair: (pair[1].counts_until is None, pair[1].counts_until or at, pair[0].id))
    return Outlook(
        requirement=earning(counted, policy, awaited=len(uncounted)),
        counted=counted,
        lectures=remaining,
        late=late,
        running=running,
        replays=held,
        awaited_ms=sum(given_or_planned_ms(lecture) for lecture in uncounted),
        announces_more=any(one.state is LectureState.DRAFT and one.starts_at is None for one in given),
        checks=prospects.checks.get(policy.series_id, ()),
        feedback=prospects.feedback.get(policy.series_id),
    )


def counted_so_far(presence: Iterable[PresenceInterval], span: Span, min_percent: int) -> int:
    """How long somebody was present so far in a live lecture: all of its length for who had enough of the planned one,
    so that it counts however long it goes on."""
    so_far = compute_outcome(presence, span=span, min_percent=min_percent)
    return span.length_ms if so_far.is_kept else so_far.present_ms


def _presence_needed(lecture: AnyLecture, min_percent: int, at: datetime) -> int:
    """How long somebody must have been present so far, so that the time until the planned end is enough."""
    span = span_of(lecture, to_ms(at))
    left_ms = max(span.length_ms - (span.end - span.start - span.paused_ms), 0)
    return needed_ms(span.length_ms, min_percent) - left_ms


def _is_within_plan(lecture: AnyLecture, at: datetime) -> bool:
    """Whether a lecture that has not begun can still be given at its planned time, or a live one goes on."""
    end = planned_end(lecture)
    return lecture.state in (LectureState.POSTPONED, LectureState.LIVE) or end is None or end > at
