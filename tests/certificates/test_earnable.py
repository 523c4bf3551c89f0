"""Whether a certificate can still be earned: by what remains, what was attended, and what has become a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.queries.persons import PersonAttendance
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Policy
from lms.certificates.eligibility import Missing
from lms.certificates.remaining import Prospects, Standing, standing
from lms.recordings.replays import OpenReplay
from tests.rows import each_row

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE_MS = 60_000
HELD, LIVE, SCHEDULED = LectureState.HELD, LectureState.LIVE, LectureState.SCHEDULED
STATES = [HELD, HELD, LIVE, SCHEDULED, LectureState.CANCELLED]


def lecture(number: int = 1, state: LectureState = SCHEDULED, **columns: object) -> Lecture:
    given = {"id": number, "state": state, "duration_minutes": 90, "starts_at": NOW + timedelta(days=1)}
    return Lecture(**(given | columns))


def lectures(*states: LectureState) -> list[Lecture]:
    return [lecture(number, state) for number, state in enumerate(states, 1)]


def policy(
    percent: int = 60, kind: CertificateKind | None = CertificateKind.PARTICIPATION, **columns: object
) -> Policy:
    return Policy(min_lectures_percent=percent, min_percent=60, certificate=kind, **columns)


@dataclass
class Came:
    """What of a lecture counts for somebody: as much of `PersonAttendance` as is read."""

    lecture_id: int
    outcome: Outcome = Outcome.ATTENDED
    present_ms: int = 0
    is_counted: bool = True
    source: Source = Source.LIVE
    correction: object = None


def stands(
    given: list[Lecture],
    came: list[Came],
    asked: Policy,
    *,
    sessions: set[int] | None = None,
    is_in: bool = True,
    replays: dict[int, OpenReplay] | None = None,
    present_ms: dict[int, int] | None = None,
) -> Standing | None:
    known = {one.id for one in given} if sessions is None else sessions
    attended = cast(list[PersonAttendance], came)
    prospects = Prospects(replays or {}, present_ms or {})
    return standing(given, attended, asked, sessions=known, prospects=prospects, zone="UTC", at=NOW, is_in=is_in)


def must(found: Standing | None) -> Standing:
    assert found is not None
    return found


def test_a_standing_counts_what_is_measured() -> None:
    came = [Came(1, present_ms=3_599_999), Came(2, Outcome.PARTIAL), Came(5)]
    found = must(stands(lectures(*STATES), came, policy()))
    assert (found.attended, found.needed, found.requirement.lectures, found.remaining) == (1, 3, 4, 2)
    assert (found.minutes, found.remaining_minutes) == (59, 180)
    assert (found.is_reached, found.can_be_earned, found.is_over) == (False, True, False)


def test_too_little_remains() -> None:
    found = must(stands(lectures(HELD, HELD, HELD, SCHEDULED, SCHEDULED), [], policy()))
    assert (found.needed, found.remaining, found.can_be_earned) == (3, 2, False)
    assert must(stands(lectures(HELD, HELD, HELD, SCHEDULED, SCHEDULED), [Came(1)], policy())).can_be_earned


def test_which_minutes_are_missing() -> None:
    given, came = lectures(HELD, SCHEDULED), [Came(1, present_ms=62 * MINUTE_MS)]
    found = must(stands(given, came, policy(percent=50, min_minutes=90)))
    assert (found.minutes, found.needed_minutes, found.lacks) == (62, 90, Missing(0, 28))
    assert (found.is_reached, found.can_be_earned) == (False, True)
    assert must(stands(given, came, policy(percent=50, min_minutes=152))).can_be_earned
    assert not must(stands(given, came, policy(percent=50, min_minutes=153))).can_be_earned


def test_a_standing_needs_a_certificate_and_lectures() -> None:
    assert stands([lecture()], [], policy(kind=None)) is None
    assert stands([], [], policy()) is None
    assert must(stands([lecture()], [], policy(percent=1))).needed == 1


def test_who_just_missed_it_is_said_after_the_last_lecture() -> None:
    came = [Came(1, present_ms=MINUTE_MS)]
    before = must(stands(lectures(HELD, HELD, SCHEDULED), came, policy(percent=60)))
    after = must(stands(lectures(HELD, HELD, HELD), came, policy(percent=60)))
    assert (before.needed, before.just_misses, before.can_be_earned) == (2, False, True)
    assert (after.just_misses, after.is_over, after.can_be_earned) == (True, True, False)


def test_a_held_lecture_counts_once_it_is_a_session_or_nobody_need_say_so() -> None:
    given = lectures(HELD, HELD, HELD, SCHEDULED)
    found = must(stands(given, [Came(1), Came(2)], policy(percent=100), sessions={1}))
    assert (found.requirement.lectures, found.needed, found.attended) == (2, 2, 1)
    given[3].held_unknown = True
    found = must(stands(given, [Came(1)], policy(percent=100), sessions={1}))
    assert (found.requirement.lectures, found.is_reached, found.is_over) == (1, True, True)


@each_row("minutes, remaining", [(36, 1), (37, 0)])
def test_whoever_comes_into_a_live_lecture_now_needs_its_share_of_it(minutes: int, remaining: int) -> None:
    live = lecture(1, LIVE, actual_start=NOW - timedelta(minutes=minutes))  # 54 of 90 minutes are needed
    assert must(stands([live], [], policy(), is_in=False)).remaining == remaining
    assert must(stands([live], [], policy())).remaining == 1  # may have been there all the time


def test_a_lecture_whose_time_is_over_is_promised_to_nobody_who_comes_now() -> None:
    late = lecture(1, starts_at=NOW - timedelta(minutes=90))
    undated = lecture(2, LectureState.POSTPONED, starts_at=None)
    assert must(stands([late, undated], [], policy(), is_in=False)).remaining == 1
    assert must(stands([late, undated], [], policy())).remaining == 2


# Replays, live lectures and held ones that are not counted yet

SOON, LATER = NOW + timedelta(days=2), NOW + timedelta(days=28)


def replay(until: datetime | None = LATER, *, shown: int = 90) -> OpenReplay:
    return OpenReplay(until, shown * MINUTE_MS, 90 * MINUTE_MS)


def test_replays_that_count_remain_beside_lectures_and_the_certificate_can_be_earned_with_them() -> None:
    given = lectures(HELD, HELD, HELD, SCHEDULED)
    open_ = {2: replay(SOON), 3: replay()}
    found = must(stands(given, [Came(1)], policy(percent=100), replays=open_))
    assert (found.needed, found.remaining, [one.lecture_id for one in found.replays]) == (4, 1, [2, 3])
    assert (found.can_be_earned, found.watch_by, found.ends_together) == (True, SOON, False)
    assert not must(stands(given, [Came(1)], policy(percent=100), replays={3: replay()})).can_be_earned


@each_row(
    "came, left",
    [
        (Came(1, Outcome.ATTENDED), 0),
        (Came(1, Outcome.PARTIAL), 1),
        (Came(1, Outcome.ABSENT, correction="by hand"), 0),
        (Came(1, Outcome.EXCUSED, correction="by hand"), 0),
    ],
)
def test_a_replay_remains_for_who_has_not_attended_and_was_not_corrected(came: Came, left: int) -> None:
    found = must(stands(lectures(HELD, HELD), [came], policy(), replays={1: replay()}))
    assert (len(found.replays), found.is_over) == (left, not left)


def test_nobody_just_misses_while_a_replay_remains() -> None:
    came = [Came(1, present_ms=MINUTE_MS)]
    waits = must(stands(lectures(HELD, HELD, HELD), came, policy(), replays={2: replay()}))
    done = must(stands(lectures(HELD, HELD, HELD), came, policy(), replays={1: replay()}))
    assert (waits.just_misses, waits.is_over, waits.can_be_earned) == (False, False, True)
    assert (done.just_misses, done.is_over, done.can_be_earned) == (True, True, False)


def test_a_replay_adds_the_minutes_that_it_shows_and_are_missing() -> None:
    asked = policy(percent=50, min_minutes=100)
    partly = Came(1, Outcome.PARTIAL, present_ms=30 * MINUTE_MS)
    assert must(stands(lectures(HELD, HELD), [partly], asked, replays={1: replay(shown=70)})).remaining_minutes == 60
    attended = Came(1, present_ms=60 * MINUTE_MS)
    by_replay = Came(1, present_ms=60 * MINUTE_MS, source=Source.REPLAY)
    for came, minutes in ((attended, 0), (by_replay, 30)):
        found = must(stands(lectures(HELD, HELD), [came], asked, replays={1: replay()}))
        assert (found.remaining_minutes, found.replays) == (minutes, ())


@each_row(
    "elapsed, present, is_recorded, remaining",
    [
        (36, 0, False, 1),  # 54 of 90 minutes are needed, and 54 are left
        (60, 23, False, 0),  # 30 are left
        (60, 24, False, 1),
        (60, None, False, 1),  # a meeting elsewhere, whose report says later who was there
        (89, 0, True, 1),  # its replay will count
    ],
)
def test_a_live_lecture_remains_while_it_can_still_count(
    elapsed: int, present: int | None, is_recorded: bool, remaining: int
) -> None:
    live = lecture(1, LIVE, actual_start=NOW - timedelta(minutes=elapsed))
    found = must(
        stands(
            [live], [], policy(),
            replays={1: replay(None)} if is_recorded else {},
            present_ms={} if present is None else {1: present * MINUTE_MS},
        )
    )  # fmt: skip
    assert (found.remaining, found.can_be_earned, found.replays) == (remaining, bool(remaining), ())


def test_a_lecture_that_has_just_ended_may_still_be_counted() -> None:
    for ended, awaited in ((timedelta(minutes=1), 1), (timedelta(days=15), 0)):
        given = [lecture(1, HELD), lecture(2, HELD, actual_end=NOW - ended)]
        found = must(stands(given, [], policy(min_lectures=1), sessions={1}))
        assert (found.requirement.lectures, found.requirement.awaited) == (1, awaited)
        assert (found.can_be_earned, found.is_over) == (bool(awaited), not awaited)
