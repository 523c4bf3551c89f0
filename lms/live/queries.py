"""Reads of the room for people who can see it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.attendance.models.credits import Outcome
from lms.attendance.outcomes import compute_outcome
from lms.attendance.presence import Span, presence_of, span_of, spans_of, viewer_ids
from lms.attendance.queries.outcomes import outcome_so_far
from lms.attendance.queries.persons import PersonAttendance, attendance_of_person
from lms.attendance.queries.viewers import count_viewers
from lms.attendance.rules import needed_ms
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.policies import current_policies, find_pause, list_resumptions, policy_for
from lms.catalogue.rules import AnyLecture, check_can_edit_lecture, may_edit_lecture, room_is_open
from lms.catalogue.state_changes import REOPEN_WITHIN
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import db, read_column
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.core.time.durations import depends_on_seconds
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.rules import is_enrolled
from lms.live.rules import Reach, RoomState, room_state
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.recordings.replays import Replay, find_replays
from lms.streaming.queries import StreamStatus, find_open_session_of, stream_status


@dataclass(frozen=True)
class Room:
    """A room as a person sees it. Minutes refer to the length of the lecture, planned until it is over.

    `replay_days`: how long after the lecture its replay counts; 0 where it does not. `runs_over`: the lecture is longer
    than planned; `is_kept`: the person had enough minutes within the planned length, so that it counts as attended.
    """

    lecture: Lecture
    state: RoomState
    is_open: bool
    is_staff: bool
    takes_part: bool
    counted_ms: int
    elapsed_ms: int
    length_ms: int
    needed_ms: int
    viewers: int
    at: datetime
    runs_over: bool = False
    is_kept: bool = False
    replay_days: int = 0
    replay: Replay | None = None
    resumes_at: datetime | None = None
    result: PersonAttendance | None = None

    @property
    def is_attended(self) -> bool:
        """Whether the lecture was counted as attended; of a live one, whether the minutes suffice already, however long
        it goes on."""
        if self.result is not None:
            return self.result.outcome is Outcome.ATTENDED
        is_lasting = self.is_kept or not self.runs_over or self.state is RoomState.OVER
        return is_lasting and self.counted_ms >= self.needed_ms > 0

    @property
    def is_settled(self) -> bool:
        """Whether watching the replay changes nothing: the lecture counts as attended, or a correction decides."""
        return self.is_attended or (self.result is not None and self.result.is_settled)

    @property
    def can_be_reopened(self) -> bool:
        """Whether the lecture ended less than a day ago, so that a mistaken end can be taken back."""
        ended_at = self.lecture.actual_end
        return self.lecture.state is LectureState.HELD and ended_at is not None and self.at - ended_at < REOPEN_WITHIN

    @property
    def depends_on_seconds(self) -> bool:
        """Whether the minutes counted and needed are to be shown with seconds."""
        return depends_on_seconds(self.counted_ms, self.needed_ms)

    @property
    def replay_counts(self) -> bool:
        """Whether the person can watch the replay for attendance."""
        return self.takes_part and self.replay is not None and self.replay.counts(self.at)

    @property
    def reach(self) -> Reach | None:
        """Whether the lecture can still be attended. Null unless it is live, and not attended whatever follows."""
        if self.state not in (RoomState.LIVE, RoomState.PAUSED) or not self.takes_part or self.is_attended:
            return None
        return Reach(
            counted_ms=self.counted_ms,
            needed_ms=self.needed_ms,
            length_ms=self.length_ms,
            elapsed_ms=self.elapsed_ms,
            at=self.at,
            has_report=bool(self.lecture.join_url),
            replay_days=self.replay_days,
            resumes_at=self.resumes_at,
            runs_over=self.runs_over,
        )

    @property
    def closing_words(self) -> str | None:
        """The text after the end for somebody enrolled: thanks if they were present. Null for everyone else."""
        if self.state is not RoomState.OVER or not self.takes_part or self.lecture.state is LectureState.CANCELLED:
            return None
        if self.result is not None and (self.result.present_ms or self.is_attended):
            return _("Thank you for taking part. Your attendance: %(result)s", result=self.result.explanation)
        if self.counted_ms:
            return _("Thank you for taking part. Your minutes are being added up.")
        if self.replay_counts:
            return _("We have no record of you in this lecture. You can still watch the replay.")
        return _(
            "We have no record of you in this lecture. Reports and group lists that arrive later can still be counted."
        )


def get_room(lecture_id: int, *, by: Actor, at: datetime) -> Room:
    """Returns the room, to enrolled people, staff of the lecture and reporters. Raises Forbidden for others."""
    lecture = get_lecture(lecture_id, by=by)
    staff = may_edit_lecture(lecture, by)
    takes_part = by.person_id is not None and is_enrolled(find_enrolment(lecture.series_id, by.person_id))
    if not (staff or takes_part or by.is_reporter):
        raise Forbidden(_("The room is only for people enrolled in the series."))
    span = span_of(lecture, clock.to_ms(at))
    policy = policy_for(lecture)
    pause = find_pause(lecture)
    state = room_state(lecture, is_paused=pause is not None)
    counted = outcome_so_far(lecture_id, by.person_id, at) if takes_part and by.person_id is not None else None
    needed = needed_ms(span.length_ms, policy.min_percent)
    result = None
    if state is RoomState.OVER and takes_part and by.person_id is not None:
        result = next(iter(attendance_of_person(by.person_id, by=by, lecture_id=lecture_id)), None)
    return Room(
        lecture=lecture,
        state=state,
        is_open=room_is_open(lecture, at),
        is_staff=staff,
        takes_part=takes_part,
        counted_ms=counted.present_ms if counted is not None else 0,
        elapsed_ms=_elapsed_ms(lecture, span),
        length_ms=span.length_ms,
        needed_ms=counted.needed_ms if counted is not None else needed,
        viewers=count_viewers(lecture_id, at),
        at=at,
        runs_over=span.runs_over,
        is_kept=counted is not None and counted.is_kept,
        replay_days=0 if lecture.join_url else policy.replay_days,
        replay=find_replays([lecture_id]).get(lecture_id) if state is RoomState.OVER else None,
        resumes_at=pause.resumes_at if pause is not None else None,
        result=result,
    )


@dataclass(frozen=True)
class RoomSnapshot:
    """The state of a room, alike for all people in it. `resumes_at`: when a paused lecture is meant to go on."""

    state: RoomState
    resumes_at: datetime | None
    viewers: int
    stream: StreamStatus


def get_snapshot(lecture_id: int, *, by: Actor, at: datetime) -> RoomSnapshot:
    """Returns the state of a room. Raises NotFound."""
    lecture = get_lecture(lecture_id, by=by)
    pause = find_pause(lecture)
    return RoomSnapshot(
        room_state(lecture, is_paused=pause is not None),
        pause.resumes_at if pause is not None else None,
        count_viewers(lecture_id, at),
        stream_status(lecture_id, at=at),
    )


@dataclass(frozen=True)
class Audience:
    """The audience of a lecture, as its staff see it while it is given. `countries`: how many viewers are in each, most
    first, as (code, people). `sender`: who sends the lecture from some page; null if nobody does. `elapsed_ms` is
    without pauses.
    """

    snapshot: RoomSnapshot
    viewers: int
    countries: list[tuple[str, int]]
    sender: str | None
    is_own: bool
    elapsed_ms: int
    planned_minutes: int
    can_start: bool


def get_audience(lecture_id: int, *, by: Actor, at: datetime) -> Audience:
    """Returns who watches a lecture and who sends it, to its staff. Raises Forbidden for others."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    people = viewer_ids(lecture_id, clock.to_ms(at))
    countries = Counter(country_codes_of(people, at.date()).values())
    session = find_open_session_of(lecture_id)
    return Audience(
        snapshot=get_snapshot(lecture_id, by=by, at=at),
        viewers=len(people),
        countries=sorted(countries.items(), key=lambda entry: (-entry[1], entry[0])),
        sender=db.session.get_one(Person, session.person_id).full_name if session is not None else None,
        is_own=session is not None and session.person_id == by.person_id,
        elapsed_ms=_elapsed_ms(lecture, span_of(lecture, clock.to_ms(at))),
        planned_minutes=lecture.duration_minutes,
        can_start=can_go_live(lecture, at),
    )


def can_go_live(lecture: Lecture, at: datetime) -> bool:
    """Whether the lecture can be given now: it is live, or its room is open."""
    return lecture.state in (LectureState.SCHEDULED, LectureState.LIVE) and room_is_open(lecture, at)


def _elapsed_ms(lecture: AnyLecture, span: Span) -> int:
    """How long a lecture has been going on, without its pauses; 0 before its start."""
    return max(span.end - span.start - span.paused_ms, 0) if lecture.actual_start is not None else 0


def list_reaches(lectures: Sequence[tuple[AnyLecture, int]], *, by: Actor, at: datetime) -> dict[int, Reach]:
    """Whether the actor can still attend these live lectures, each with the share in percent that it needs, by id; not
    those that they have attended, whatever follows. The lectures are in series in which the actor is enrolled.
    """
    if not lectures or by.person_id is None:
        return {}
    spans = spans_of([lecture for lecture, _percent in lectures], clock.to_ms(at))
    seen = presence_of(by.person_id, spans)
    with_link = set(read_column(select(Lecture.id).where(Lecture.id.in_(spans), Lecture.join_url != "")))
    recorded = {lecture.series_id for lecture, _percent in lectures if lecture.id not in with_link}
    policies = current_policies(recorded) if recorded else {}
    resuming = list_resumptions(lecture for lecture, _percent in lectures)
    reaches = {}
    for lecture, percent in lectures:
        span = spans[lecture.id]
        counted = compute_outcome(seen.get(lecture.id, []), span=span, min_percent=percent)
        if counted.present_ms >= counted.needed_ms > 0 and (counted.is_kept or not span.runs_over):
            continue
        reaches[lecture.id] = Reach(
            counted_ms=counted.present_ms,
            needed_ms=counted.needed_ms,
            length_ms=span.length_ms,
            elapsed_ms=_elapsed_ms(lecture, span),
            at=at,
            has_report=lecture.id in with_link,
            replay_days=0 if lecture.id in with_link else policies[lecture.series_id].replay_days,
            resumes_at=resuming.get(lecture.id),
            runs_over=span.runs_over,
        )
    return reaches
