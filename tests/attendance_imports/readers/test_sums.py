"""Reports with sums only: no more than what is certain counts, and the explanation says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.evidence import Presence
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.roster import get_row, presence_curve
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.models import Lecture
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
END = START + timedelta(minutes=90)


class Scene:
    """A held lecture, 06:00 to 07:30 UTC, of a series with three people."""

    def __init__(self, make: Any) -> None:
        self.series = make.series()
        self.people = {name: make.person(name, email=f"{name.lower()}@x.example") for name in ("Ada", "Ben", "Cyr")}
        for person in self.people.values():
            make.enrolment(self.series, person)
        self.lecture = make.lecture(self.series, state="held", actual_start=START, actual_end=END, starts_at=START)

    def take(self, text: str, **options: Any) -> ImportAnswer:
        staged = stage_attendance(
            self.lecture.id, text.encode(), file_name="r.csv", by=SYSTEM, time_zone="UTC", **options
        )
        return publish_attendance(staged, by=SYSTEM, at=END)

    def outcome(self, name: str) -> tuple[float, str, str]:
        """Minutes and words on the roster; the person's own page says the same."""
        row = get_row(self.lecture.id, self.people[name].public_id, by=SYSTEM)
        attendance = attendance_of_person(self.people[name].id, by=SYSTEM)[0]
        assert (attendance.minutes, attendance.outcome, attendance.explanation) == (
            row.minutes,
            row.outcome,
            row.explanation,
        )
        return row.minutes, row.outcome.value, row.explanation


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


TIMED = (
    "email,joined,left,duration (minutes)\n"
    "ada@x.example,2026-11-04 05:50:00,2026-11-04 07:40:00,80\n"  # of 80, 10 may lie before and 10 after
    "ben@x.example,2026-11-04 06:10:00,2026-11-04 07:00:00,50\n"  # all the time
    "cyr@x.example,2026-11-04 05:30:00,2026-11-04 06:20:00,25\n"  # all of it may have been before
)


def test_of_several_joins_what_is_certain_counts(scene: Scene) -> None:
    answer = scene.take(TIMED)
    assert (answer.rows, answer.created, answer.rejected) == (3, 3, [])
    assert scene.outcome("Ada") == (
        60.0, "attended", "60 of 90 minutes, the certain part of 80 minutes reported as a total: attended"
    )  # fmt: skip
    assert scene.outcome("Ben") == (50.0, "partial", "50 of 90 minutes: partial")
    assert scene.outcome("Cyr") == (
        0.0, "absent", "0 of 90 minutes, the certain part of 25 minutes reported as a total: absent"
    )  # fmt: skip
    assert answer.notes[0].startswith("2 rows give a shorter duration")
    curve = presence_curve(scene.lecture.id, by=SYSTEM)
    assert (curve[0], curve[30], curve[63], curve[-1]) == (1, 2, 0, 0)


def test_without_any_time_a_sum_lies_where_the_lecture_starts(scene: Scene) -> None:
    text = "email,total duration (minutes)\nada@x.example,62\nben@x.example,200\n"
    scene.take(text)
    assert scene.outcome("Ada") == (
        62.0, "attended", "62 of 90 minutes, the certain part of 62 minutes reported as a total: attended"
    )  # fmt: skip
    assert scene.outcome("Ben")[0] == 90.0
    assert scene.take(text).created == 0


@pytest.mark.databases(differs=True)
def test_a_sum_follows_the_times_of_the_lecture(scene: Scene) -> None:
    """It is kept as the report states it: what is certain of it is reckoned by the times that hold."""
    scene.take(TIMED)
    scene.take("email,minutes\nben@x.example,30\n")
    moved = START + timedelta(minutes=20)

    @action
    def move() -> None:
        db.session.get_one(Lecture, scene.lecture.id).actual_start = moved

    move()
    credit_lecture(scene.lecture.id, by=SYSTEM, at=END)
    assert scene.outcome("Ada")[0] == 40.0  # 80 less 30 before and 10 after
    assert scene.outcome("Ben")[0] == 40.0  # 06:20 to 07:00 by its times; the sum of 30 lies within
    assert scene.take("email,minutes\nben@x.example,30\n").created == 0
    assert len(db.session.scalars(select(Presence)).all()) == 4
