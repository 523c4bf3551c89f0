"""Pure decisions of the desks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lms.catalogue.models import Delivery, Lecture, LectureState
from lms.dashboards import rules
from tests.rows import each_row


def lecture(number: int = 1, state: LectureState = LectureState.SCHEDULED, **columns: object) -> Lecture:
    given = {
        "id": number,
        "state": state,
        "duration_minutes": 90,
        "abstract": "",
        "materials": [],
        "delivery": Delivery.LINK,
    }
    return Lecture(**(given | columns))


@each_row("minutes, percent, needed", [(90, 60, 54), (45, 60, 27), (50, 33, 17), (1, 1, 1)])
def test_needed_minutes_are_rounded_up(minutes: int, percent: int, needed: int) -> None:
    assert rules.needed_minutes(minutes, percent) == needed


@each_row("minutes, overdue", [(90, False), (120, False), (121, True)])
def test_overdue_half_an_hour_after_its_end(at: datetime, minutes: int, overdue: bool) -> None:
    live = lecture(state=LectureState.LIVE, starts_at=at, actual_start=at)
    assert rules.is_overdue(live, at + timedelta(minutes=minutes)) is overdue


def test_overdue_reckons_from_a_late_start(at: datetime) -> None:
    live = lecture(state=LectureState.LIVE, starts_at=at, actual_start=at + timedelta(minutes=60))
    assert not rules.is_overdue(live, at + timedelta(minutes=170))


@each_row("minutes, late", [(0, False), (15, False), (16, True)])
def test_late_a_quarter_after_its_start(at: datetime, minutes: int, late: bool) -> None:
    assert rules.is_late(lecture(starts_at=at), at + timedelta(minutes=minutes)) is late


def test_what_is_missing() -> None:
    assert rules.what_is_missing(lecture(starts_at=None), 0) == ["time", "abstract", "materials"]
    whole = lecture(
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        join_url="https://x.example",
        abstract="A",
        materials=[{"title": "a", "url": "b"}],
    )
    assert rules.what_is_missing(whole, 0) == []
    by_file = lecture(starts_at=datetime(2026, 1, 1, tzinfo=UTC), join_url="https://x.example", abstract="A")
    assert (rules.what_is_missing(by_file, 0), rules.what_is_missing(by_file, 1)) == (["materials"], [])


def test_an_instructors_lectures_are_sorted_by_what_comes_next(at: datetime) -> None:
    hour = timedelta(hours=1)
    live = lecture(1, LectureState.LIVE, starts_at=at - hour, actual_start=at - hour)
    soon, later = lecture(2, starts_at=at + hour), lecture(3, starts_at=at + 9 * hour)
    draft = lecture(4, LectureState.DRAFT, starts_at=at + 2 * hour)
    old_draft = lecture(5, LectureState.DRAFT, starts_at=at - 99 * hour)
    undated = lecture(6, LectureState.POSTPONED, starts_at=None)
    late = lecture(7, starts_at=at - hour)
    held = lecture(8, LectureState.HELD, starts_at=at - 50 * hour, actual_start=at - 49 * hour)
    cancelled = lecture(9, LectureState.CANCELLED, starts_at=at + 5 * hour)
    lectures = [held, undated, later, late, old_draft, cancelled, draft, soon, live]
    ordered = sorted(lectures, key=lambda one: rules.next_first(one, at))
    assert [one.id for one in ordered] == [1, 2, 4, 3, 5, 6, 9, 7, 8]
    parts = {part: {one.id for one in lectures if rules.part_of(one, at) is part} for part in rules.LecturePart}
    assert list(parts.values()) == [{1, 2, 3}, {4, 5, 6}, {7, 8, 9}]
    upcoming = rules.upcoming_lectures(lectures, at)  # type: ignore[arg-type]
    assert [one.id for one in upcoming] == [2, 3]
