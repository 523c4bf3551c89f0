"""When a lecture was given: proposed from what was seen, looked at, confirmed; and put right afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.room import open_join, record_beat
from lms.attendance.actions.times import confirm_times
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.queries.outcomes import counted_ms
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.times import Proposal, TimesPreview, preview_times, propose_times
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.actions.states import correct_times, end_lecture, start_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.core.background import jobs
from lms.core.background.jobs import Job
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time.durations import MINUTE_MS
from tests.attendance.test_actions import END, START, Scene, minute
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
LATER = END + timedelta(days=1)


class Elsewhere(Scene):
    """The lecture was planned for START and never started here."""

    def __init__(self, make: Any) -> None:
        super().__init__(make)
        self.lecture = make.lecture(self.series, starts_at=START, instructors=[self.teacher])
        self.id = self.lecture.id

    def propose(self) -> Proposal:
        found = propose_times(self.id, by=self.by)
        assert found is not None
        return found

    def look(self, start: float, end: float) -> TimesPreview:
        return preview_times(self.id, minute(start), minute(end), by=self.by, at=LATER)

    def confirm(self, start: float, end: float, *, key: str | None = None) -> None:
        key = self.look(start, end).key if key is None else key
        confirm_times(self.id, started_at=minute(start), ended_at=minute(end), key=key, by=self.by, at=LATER)
        jobs.run_due()

    def state(self) -> tuple[Any, ...]:
        row = db.session.get_one(Lecture, self.id, populate_existing=True)
        return row.state, row.actual_start, row.actual_end

    def outcomes(self) -> dict[str, Outcome]:
        names = {person.id: name for name, person in self.people.items()}
        query = select(Credit.person_id, Credit.outcome).where(Credit.lecture_id == self.id)
        return {names[person]: outcome for person, outcome in db.session.execute(query)}


@pytest.fixture
def elsewhere(make: Any, context: None) -> Elsewhere:
    return Elsewhere(make)


def test_nobody_seen_proposes_nothing(elsewhere: Elsewhere) -> None:
    assert propose_times(elsewhere.id, by=elsewhere.by) is None


def test_near_the_plan_the_plan_is_proposed_and_one_step_makes_it_held(elsewhere: Elsewhere) -> None:
    answer = elsewhere.publish(("ada@x.example", -10, 95), ("ben@x.example", 5, 50), ("no@x.example", 0, 90), at=LATER)
    assert answer.created == 2
    assert elsewhere.outcomes() == {}
    found = elsewhere.propose()
    assert (found.start, found.end, found.start_as_planned, found.end_as_planned) == (START, END, True, True)
    assert [(one.source, one.file_name, one.people, one.first, one.last) for one in found.observations] == [
        (Source.IMPORT, "report.csv", 3, minute(-10), minute(95))
    ]
    preview = elsewhere.look(0, 90)
    assert (len(preview.difference.gained), preview.is_as_it_is) == (1, False)
    assert elsewhere.state()[0] is LectureState.SCHEDULED
    elsewhere.confirm(0, 90)
    assert elsewhere.state() == (LectureState.HELD, START, END)
    assert elsewhere.outcomes() == {"Ada": Outcome.ATTENDED, "Ben": Outcome.PARTIAL}


def test_two_sources_are_both_explained(elsewhere: Elsewhere) -> None:
    elsewhere.publish(("ada@x.example", 60, 150), ("ben@x.example", 61, 149), at=LATER)
    cyr = elsewhere.people["Cyr"]
    join = open_join(elsewhere.id, cyr.id, by=elsewhere.by, at=minute(58)).id
    for number in range(4):
        record_beat(join, number, at=minute(59 + number / 2))
    found = elsewhere.propose()
    assert [(one.source, one.file_name, one.people) for one in found.observations] == [
        (Source.IMPORT, "report.csv", 2), (Source.LIVE, None, 1)
    ]  # fmt: skip
    assert (found.observations[1].first, found.observations[1].last) == (minute(59), minute(60.5))
    assert (found.start_as_planned, found.end_as_planned) == (False, False)
    assert (found.start, found.end) == (minute(58.25), minute(150))


def test_ghosts_move_nothing_among_many(elsewhere: Elsewhere) -> None:
    stays = [(f"p{n}@x.example", 60.0 + n / 10, 150.0 - n / 10) for n in range(10)]
    elsewhere.publish(*stays, ("ghost@x.example", -100, 600), at=LATER)
    found = elsewhere.propose()
    assert found.start < minute(61.5)
    assert found.end > minute(148.5)
    assert (found.start, found.end) == (minute(60.1), minute(149.9))


def test_times_of_a_held_lecture_show_first_who_gains_and_loses(elsewhere: Elsewhere) -> None:
    elsewhere.publish(("ada@x.example", 0, 50), ("ben@x.example", 40, 100), at=LATER)
    elsewhere.confirm(0, 90)
    assert elsewhere.outcomes() == {"Ada": Outcome.PARTIAL, "Ben": Outcome.PARTIAL}
    preview = elsewhere.look(30, 100)
    ids = {name: person.id for name, person in elsewhere.people.items()}
    assert (preview.difference.gained, preview.difference.lost) == ([ids["Ben"]], [])
    assert elsewhere.outcomes() == {"Ada": Outcome.PARTIAL, "Ben": Outcome.PARTIAL}
    elsewhere.confirm(30, 100)
    assert elsewhere.state() == (LectureState.HELD, minute(30), minute(100))
    assert elsewhere.outcomes() == {"Ada": Outcome.PARTIAL, "Ben": Outcome.ATTENDED}
    assert elsewhere.look(0, 60).difference.lost == [ids["Ben"]]
    assert elsewhere.look(30, 100).is_as_it_is


def test_what_came_in_since_it_was_looked_at_is_refused(elsewhere: Elsewhere) -> None:
    elsewhere.publish(("ada@x.example", 0, 60), at=LATER)
    key = elsewhere.look(0, 90).key
    elsewhere.publish(("ben@x.example", 0, 70), at=LATER)
    with pytest.raises(Refused, match="has changed since you reviewed it"):
        elsewhere.confirm(0, 90, key=key)
    with pytest.raises(Refused, match="has changed since you reviewed it"):
        elsewhere.confirm(0, 80, key=elsewhere.look(0, 90).key)
    assert elsewhere.state()[0] is LectureState.SCHEDULED
    assert db.session.scalar(select(Job.id)) is None


def test_what_cannot_be_is_said(elsewhere: Elsewhere) -> None:
    for start, end, field in (
        (10.0, 5.0, "actual_end"),
        (0.0, 60.0 * 25, "actual_end"),
        (90.0, 60.0 * 48, "actual_end"),
    ):
        with pytest.raises(Invalid) as caught:
            elsewhere.look(start, end)
        assert caught.value.faults[0].field == field
    with pytest.raises(Invalid):
        confirm_times(elsewhere.id, started_at=minute(1), ended_at=minute(0), key="", by=elsewhere.by, at=LATER)
    other = elsewhere.make.actor(roles=["instructor"])
    with pytest.raises(Forbidden):
        propose_times(elsewhere.id, by=other)
    with pytest.raises(Forbidden):
        preview_times(elsewhere.id, START, END, by=other, at=LATER)
    with pytest.raises(Forbidden):
        confirm_times(elsewhere.id, started_at=START, ended_at=END, key="", by=other, at=LATER)
    live = elsewhere.make.lecture(elsewhere.series, state="live", starts_at=START, actual_start=START).id
    with pytest.raises(Refused):
        preview_times(live, START, END, by=elsewhere.by, at=LATER)


def test_closed_attendance_keeps_its_times(elsewhere: Elsewhere) -> None:
    elsewhere.publish(("ada@x.example", 0, 50), at=LATER)
    elsewhere.confirm(0, 90)
    close_attendance(elsewhere.id, by=elsewhere.by, at=LATER)
    assert elsewhere.look(0, 60).is_closed
    with pytest.raises(Refused, match="closed"):
        elsewhere.confirm(0, 60)
    assert elsewhere.state() == (LectureState.HELD, START, END)


def test_a_pause_is_taken_off_length_and_presence(make: Make) -> None:
    """The same on the roster, on the person's own page, in the credit, and in what other times would change."""
    scene = Elsewhere(make)
    start_lecture(scene.id, by=scene.by, at=START)
    pause_lecture(scene.id, minutes=10, by=scene.by, at=minute(30))
    ada, ben = (open_join(scene.id, scene.people[name].id, by=scene.by, at=minute(0)).id for name in ("Ada", "Ben"))
    for number in range(1, 121):
        for join in (ada,) if 40 < number <= 100 else (ada, ben):
            record_beat(join, number, at=minute(number / 2))
    seen = counted_ms(scene.id, scene.people["Ada"].id, minute(45))
    assert seen == 30 * MINUTE_MS
    resume_lecture(scene.id, by=scene.by, at=minute(50))
    end_lecture(scene.id, by=scene.by, at=minute(60))
    jobs.run_due()
    row, attendance = scene.row("Ada"), attendance_of_person(scene.people["Ada"].id, by=SYSTEM)[0]
    assert row.explanation == attendance.explanation == "40 of 40 minutes: attended"
    credit = scene.credit("Ada")
    assert credit is not None
    assert (credit.present_ms, credit.percent_tenths) == (row.present_ms, 1000)
    assert row.united == [(0, 30), (50, 60)]
    assert scene.row("Ben").explanation == "30 of 40 minutes, 1 rejoin: attended"
    assert scene.look(0, 40).difference.changes[scene.people["Ben"].id].after.present_ms == 20 * MINUTE_MS
    correct_times(scene.id, started_at=minute(35), ended_at=minute(60), by=scene.by, at=LATER)
    jobs.run_due()
    assert scene.row("Ada").explanation == "10 of 10 minutes: attended"
