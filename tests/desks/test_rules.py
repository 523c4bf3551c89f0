"""Pure decisions of the desks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from lms.attendance.models import Outcome
from lms.attendance.queries import PersonAttendance
from lms.catalogue.models import CertificateKind, Delivery, Lecture, LectureState, Policy
from lms.certificates.rules import Missing
from lms.desks import rules


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


def policy(percent: int = 60, kind: CertificateKind | None = CertificateKind.PARTICIPATION) -> Policy:
    return Policy(min_lectures_percent=percent, certificate=kind)


STATES = [LectureState.HELD, LectureState.HELD, LectureState.LIVE, LectureState.SCHEDULED, LectureState.CANCELLED]


@dataclass
class Came:
    """What of a lecture counts for somebody: as much of `PersonAttendance` as is read."""

    lecture_id: int
    outcome: Outcome = Outcome.ATTENDED
    present_ms: int = 0
    is_counted: bool = True


def standing(lectures: list[Lecture], came: list[Came], asked: Policy) -> rules.Standing | None:
    return rules.standing(lectures, cast(list[PersonAttendance], came), asked, "UTC")


def test_standing_counts_what_is_measured() -> None:
    lectures = [lecture(number, state) for number, state in enumerate(STATES, 1)]
    found = standing(lectures, [Came(1, present_ms=3_599_999), Came(2, Outcome.PARTIAL), Came(5)], policy())
    assert found == rules.Standing(attended=1, needed=3, lectures=4, to_come=2, minutes=59, minutes_to_come=180)
    assert not found.is_reached
    assert found.can_be_reached


def test_standing_that_cannot_be_reached_any_more() -> None:
    lectures = [lecture(number, LectureState.HELD) for number in range(1, 6)]
    found = standing(lectures, [Came(1), Came(2)], policy())
    assert found is not None
    assert (found.needed, found.can_be_reached) == (3, False)


def test_standing_says_which_minutes_are_missing() -> None:
    lectures = [lecture(1, LectureState.HELD), lecture(2, LectureState.SCHEDULED)]
    asked = policy(percent=50)
    asked.min_minutes = 90
    found = standing(lectures, [Came(1, present_ms=62 * 60_000)], asked)
    assert found is not None
    assert (found.minutes, found.needed_minutes, found.lacks) == (62, 90, Missing(0, 28))
    assert (found.is_reached, found.can_be_reached) == (False, True)
    asked.min_minutes = 153
    found = standing(lectures, [Came(1, present_ms=62 * 60_000)], asked)
    assert found is not None
    assert not found.can_be_reached


def test_standing_needs_a_certificate_and_lectures() -> None:
    assert standing([lecture()], [], policy(kind=None)) is None
    assert standing([], [], policy()) is None


def test_standing_asks_for_one_lecture_at_least() -> None:
    found = standing([lecture()], [], policy(percent=1))
    assert found is not None
    assert found.needed == 1


@pytest.mark.parametrize(("minutes", "percent", "needed"), [(90, 60, 54), (45, 60, 27), (50, 33, 17), (1, 1, 1)])
def test_needed_minutes_are_rounded_up(minutes: int, percent: int, needed: int) -> None:
    assert rules.needed_minutes(minutes, percent) == needed


@pytest.mark.parametrize(("minutes", "is_open"), [(-61, False), (-60, True), (0, True), (30, True)])
def test_the_room_opens_an_hour_before(at: datetime, minutes: int, is_open: bool) -> None:
    assert rules.room_is_open(lecture(starts_at=at), at + timedelta(minutes=minutes)) is is_open


def test_the_room_of_a_held_lecture_is_closed(at: datetime) -> None:
    assert not rules.room_is_open(lecture(state=LectureState.HELD, starts_at=at), at)
    assert rules.room_is_open(lecture(state=LectureState.LIVE, starts_at=None), at)


@pytest.mark.parametrize(("minutes", "overdue"), [(90, False), (120, False), (121, True)])
def test_overdue_half_an_hour_after_its_end(at: datetime, minutes: int, overdue: bool) -> None:
    live = lecture(state=LectureState.LIVE, starts_at=at, actual_start=at)
    assert rules.is_overdue(live, at + timedelta(minutes=minutes)) is overdue


def test_overdue_reckons_from_a_late_start(at: datetime) -> None:
    live = lecture(state=LectureState.LIVE, starts_at=at, actual_start=at + timedelta(minutes=60))
    assert not rules.is_overdue(live, at + timedelta(minutes=170))


@pytest.mark.parametrize(("minutes", "late"), [(0, False), (15, False), (16, True)])
def test_late_a_quarter_after_its_start(at: datetime, minutes: int, late: bool) -> None:
    assert rules.is_late(lecture(starts_at=at), at + timedelta(minutes=minutes)) is late


def test_what_is_missing() -> None:
    assert rules.what_is_missing(lecture(starts_at=None)) == ["time", "join_url", "abstract", "materials"]
    whole = lecture(
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        join_url="https://x.example",
        abstract="A",
        materials=[{"title": "a", "url": "b"}],
    )
    assert rules.what_is_missing(whole) == []
    assert "join_url" not in rules.what_is_missing(lecture(delivery=Delivery.ROOM))
