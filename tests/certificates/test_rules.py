from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lms.catalogue.models import Lecture, LectureState, Policy
from lms.certificates import eligibility, remaining, rules
from lms.core.time import durations
from tests.rows import each_row

MINUTE = durations.MINUTE_MS
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def lectures(count: int, minutes: int = 90, state: LectureState = LectureState.HELD) -> list[Lecture]:
    return [Lecture(state=state, duration_minutes=minutes) for _number in range(count)]


def policy(percent: int = 60, **columns: object) -> Policy:
    return Policy(min_lectures_percent=percent, **columns)


@each_row(
    "count, percent, needed",
    [(6, 60, 4), (5, 60, 3), (1, 60, 1), (3, 100, 3), (10, 1, 1), (0, 60, 1), (7, 50, 4), (100, 60, 60)],
)
def test_a_started_lecture_is_a_whole_one(count: int, percent: int, needed: int) -> None:
    assert eligibility.earning(lectures(count), policy(percent)).needed == needed


@given(st.integers(1, 200), st.integers(1, 100), st.integers(0, 200))
def test_earned_is_exactly_the_share(count: int, percent: int, attended: int) -> None:
    asked = eligibility.earning(lectures(count), policy(percent))
    assert eligibility.has_earned(attended, 0, asked, others=True) == (
        attended > 0 and attended * 100 >= count * percent
    )
    assert not (
        eligibility.has_earned(attended, 0, asked, others=True)
        and eligibility.just_misses(attended, 0, asked, others=True)
    )


def test_a_series_without_lectures_earns_nobody_anything() -> None:
    assert not eligibility.has_earned(5, MINUTE, eligibility.earning([], policy()), others=True)


def test_a_number_of_lectures_holds_in_place_of_the_share() -> None:
    assert eligibility.earning(lectures(10), policy(100, min_lectures=2)).needed == 2
    assert (
        eligibility.earning(lectures(1), policy(1, min_lectures=2)).needed == 2
    )  # not to be reached, and the page says so


@each_row(
    "attended, present_ms, earned", [(2, 120 * MINUTE, True), (2, 120 * MINUTE - 1, False), (1, 400 * MINUTE, False)]
)
def test_minutes_are_asked_beside_the_lectures(attended: int, present_ms: int, earned: bool) -> None:
    asked = eligibility.earning(lectures(3), policy(60, min_minutes=120))
    assert eligibility.has_earned(attended, present_ms, asked, others=True) is earned
    assert not eligibility.has_earned(attended, present_ms, asked, others=False)


@each_row(
    "attended, present_ms, lacks, just",
    [
        (2, 120 * MINUTE, (0, 0), False),
        (2, 120 * MINUTE - 1, (0, 1), True),
        (2, 116 * MINUTE, (0, 4), True),
        (1, 90 * MINUTE, (1, 30), True),
        (1, 30 * MINUTE, (1, 90), True),
        (1, 30 * MINUTE - 1, (1, 91), False),
        (0, 130 * MINUTE, (2, 0), False),
        (0, 0, (2, 120), False),
    ],
)
def test_who_just_misses_lacks_no_more_than_one_lecture(
    attended: int, present_ms: int, lacks: tuple[int, int], just: bool
) -> None:
    asked = eligibility.earning(lectures(3), policy(60, min_minutes=120))
    assert eligibility.missing(attended, present_ms, asked) == eligibility.Missing(*lacks)
    assert eligibility.just_misses(attended, present_ms, asked, others=True) is just


def test_nobody_just_misses_while_a_lecture_is_to_come() -> None:
    to_come = lectures(1, state=LectureState.SCHEDULED)
    assert not eligibility.just_misses(
        1, 90 * MINUTE, eligibility.earning(lectures(2) + to_come, policy()), others=True
    )
    assert eligibility.just_misses(1, 90 * MINUTE, eligibility.earning(lectures(3), policy()), others=True)


def test_who_never_came_does_not_just_miss() -> None:
    assert not eligibility.just_misses(0, 0, eligibility.earning(lectures(1), policy()), others=True)


def test_the_deadline_is_the_last_day_in_the_organisers_zone() -> None:
    starts = [
        datetime(2026, 5, 20, 15, 59, tzinfo=UTC),  # 23:59 in Shanghai
        datetime(2026, 5, 20, 16, 0, tzinfo=UTC),  # the next day there
        None,
    ]
    given = [Lecture(id=1, state=LectureState.HELD, starts_at=start, duration_minutes=90) for start in starts]
    given.append(Lecture(state=LectureState.CANCELLED, starts_at=starts[0], duration_minutes=90))
    assert eligibility.measured(given, {1}, date(2026, 5, 20), "Asia/Shanghai", at=NOW) == given[:1]
    assert eligibility.measured(given, {1}, date(2026, 5, 20), "UTC", at=NOW) == given[:2]
    assert eligibility.measured(given, {1}, None, "UTC", at=NOW) == given[:3]


def test_a_lecture_counts_by_the_day_on_which_it_began() -> None:
    late = Lecture(
        id=1,
        state=LectureState.HELD,
        starts_at=datetime(2026, 5, 20, 12, tzinfo=UTC),
        actual_start=datetime(2026, 5, 21, 12, tzinfo=UTC),
        duration_minutes=90,
    )
    assert eligibility.measured([late], {1}, date(2026, 5, 20), "UTC", at=NOW) == []


def test_drafts_count_while_their_time_is_to_come() -> None:
    given = [
        Lecture(id=id_, state=LectureState.DRAFT, starts_at=starts, duration_minutes=90)
        for id_, starts in enumerate((NOW + timedelta(days=1), NOW - timedelta(days=1), None))
    ]
    assert eligibility.measured(given, (), None, "UTC", at=NOW) == given[:1]
    standing = remaining.standing(
        given, (), policy(certificate="completion"), sessions=(), zone="UTC", at=NOW, is_in=True
    )
    assert standing is not None
    assert (standing.needed, standing.remaining, standing.unannounced, standing.announces_more) == (1, 1, 1, True)


def test_hours_have_one_decimal() -> None:
    assert rules.hours([90 * 60_000]) == 1.5
    assert rules.hours([62 * 60_000, 60 * 60_000]) == 2.0
    assert rules.hours([62 * 60_000, 61 * 60_000]) == 2.1  # 2.05: a half is rounded up
    assert rules.hours([]) == 0
