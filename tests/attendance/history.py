"""A series whose people and lectures go through a random history, each step through the actions: for properties that
hold whatever happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

from hypothesis import strategies as st
from sqlalchemy import select

from lms.attendance.actions.corrections import correct
from lms.attendance.actions.replays import credit_due_replays, record_played
from lms.attendance.actions.room import open_join, record_beat
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import UnmatchedAttendee
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.resolution import resolve_attendee, undo_decision
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.actions.states import (
    correct_times,
    end_lecture,
    hold_lecture,
    reopen_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.models import Lecture, LectureState, WalkIns
from lms.core.background import jobs
from lms.core.base.errors import DomainError
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.actions.places import enrol, withdraw
from lms.people.actions.merging import merge_people, undo_merge
from lms.viewing_groups.actions.groups import GroupInput, open_group, tick
from lms.viewing_groups.actions.signing import Basis, sign_group
from lms.viewing_groups.queries import get_group, list_of_group
from tests.factories import Make

T0 = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
LENGTH = 3 * HALF_HOUR


class Step(NamedTuple):
    """One thing that happens, `pause` half hours after the one before: what, to whom, where, and how much of it."""

    what: str
    person: int
    other: int
    lecture: int
    amount: int
    pause: int = 0


STEPS = (
    "enrol", "enrol", "enrol", "withdraw", "withdraw", "merge", "undo_merge", "start", "start", "pause", "resume",
    "end", "end", "hold", "hold", "correct_times", "reopen", "undo_start", "beat", "import_rows", "import_rows",
    "import_sum", "import_name", "decide", "undo_decision", "watch_in_group", "watch_replay", "watch_replay", "correct",
    "withdraw_correction",
)  # fmt: skip


def steps(at_most: int) -> st.SearchStrategy[list[Step]]:
    """A random history: long enough that something can have happened."""
    people = st.integers(0, len(History.NAMES) - 1)
    one = st.builds(
        Step, st.sampled_from(STEPS), people, people, st.integers(0, 2), st.integers(0, 3), st.integers(0, 2)
    )
    return st.lists(one, min_size=4, max_size=at_most)


class History:
    """A series for four people and its lectures: one held before anybody came, one planned two hours ahead, one
    planned for now. Five people; two are in from the beginning."""

    NAMES = ("Ada", "Ben", "Cyr", "Dia", "Eli")
    numbers = count()

    def __init__(self, make: Make, *, walk_ins: WalkIns = WalkIns.ENROL, **policy: object) -> None:
        self.make, self.now, number = make, T0, next(self.numbers)
        self.series = make.series(capacity=4, policy={"walk_ins": walk_ins, **policy})
        self.series_id = self.series.id
        made = [make.person(name, f"{name.lower()}{number}@x.example") for name in self.NAMES]
        self.people = [(one.id, one.public_id, f"{one.full_name.lower()}{number}@x.example") for one in made]
        for person in made[:2]:
            make.enrolment(self.series, person, at=T0 - 4 * LENGTH)
        before = T0 - 2 * LENGTH
        held = make.lecture(
            self.series, state="held", starts_at=before, actual_start=before, actual_end=before + LENGTH
        )
        planned = [make.lecture(self.series, starts_at=T0 + pause * HALF_HOUR) for pause in (4, 0)]
        self.lectures = [held.id, *(one.id for one in planned)]

    def run(self, steps: list[Step]) -> None:
        """Lets all steps happen, and everything that follows from them."""
        for step in steps:
            self.happen(step)
        jobs.run_due()
        db.session.expunge_all()

    def happen(self, step: Step) -> None:
        """One step happens, or is refused."""
        self.now += step.pause * HALF_HOUR
        self.attempt(step)
        jobs.run_due()
        credit_due_replays(at=self.now + timedelta(minutes=1))

    def attempt(self, step: Step) -> bool:
        """Whether a step happens: not one that is refused."""
        try:
            getattr(self, f"_{step.what}")(step)
        except DomainError:
            db.session.rollback()
            return False
        return True

    def lecture(self, step: Step) -> Lecture:
        return db.session.get_one(Lecture, self.lectures[step.lecture], populate_existing=True)

    def _enrol(self, step: Step) -> None:
        enrol(self.series_id, self.people[step.person][0], by=SYSTEM, at=self.now)

    def _withdraw(self, step: Step) -> None:
        withdraw(self.series_id, self.people[step.person][0], by=SYSTEM, at=self.now)

    def _merge(self, step: Step) -> None:
        merge_people(self.people[step.person][1], self.people[step.other][1], by=SYSTEM, at=self.now)

    def _undo_merge(self, step: Step) -> None:
        undo_merge(self.people[step.person][1], by=SYSTEM, at=self.now)

    def _start(self, step: Step) -> None:
        start_lecture(self.lectures[step.lecture], by=SYSTEM, at=self.now)

    def _pause(self, step: Step) -> None:
        pause_lecture(self.lectures[step.lecture], by=SYSTEM, at=self.now)

    def _resume(self, step: Step) -> None:
        resume_lecture(self.lectures[step.lecture], by=SYSTEM, at=self.now)

    def _end(self, step: Step) -> None:
        end_lecture(self.lectures[step.lecture], by=SYSTEM, at=self.now)

    def _hold(self, step: Step) -> None:
        """Enters afterwards that a planned lecture was given."""
        until = self.now - step.amount * HALF_HOUR
        hold_lecture(self.lectures[step.lecture], started_at=until - LENGTH, ended_at=until, by=SYSTEM, at=self.now)

    def _correct_times(self, step: Step) -> None:
        until = self.now - step.amount * HALF_HOUR
        correct_times(self.lectures[step.lecture], started_at=until - LENGTH, ended_at=until, by=SYSTEM, at=self.now)

    def _reopen(self, step: Step) -> None:
        reopen_lecture(self.lectures[step.lecture], by=SYSTEM, at=self.now)

    def _undo_start(self, step: Step) -> None:
        undo_start(self.lectures[step.lecture], by=SYSTEM, at=self.now)

    def _beat(self, step: Step) -> None:
        lecture = self.lecture(step)
        if lecture.state is LectureState.LIVE and lecture.actual_start is not None:
            joined = lecture.actual_start + step.other * timedelta(minutes=9)
            join = open_join(lecture.id, self.people[step.person][0], by=SYSTEM, at=joined).id
            for number in range(12 * step.amount):
                record_beat(join, number, at=joined + number * timedelta(seconds=40))

    def _began(self, step: Step) -> datetime:
        lecture = self.lecture(step)
        began = lecture.actual_start or lecture.starts_at
        assert began is not None
        return began + timedelta(minutes=17 * step.other - 20)

    def _publish(self, step: Step, text: str) -> None:
        staged = stage_attendance(self.lectures[step.lecture], text.encode(), file_name="report.csv", by=SYSTEM)
        publish_attendance(staged, skip_bad_rows=True, by=SYSTEM, at=self.now)

    def _import_rows(self, step: Step) -> None:
        """Two stays of one person, by the address."""
        first, email = self._began(step), self.people[step.person][2]
        stays = [(first, first + (1 + step.amount) * timedelta(minutes=14)), (first + LENGTH / 2, first + LENGTH)]
        rows = [f"{email},{joined.isoformat()},{left.isoformat()}\n" for joined, left in stays[: 1 + step.amount % 2]]
        self._publish(step, "email,joined_at,left_at\n" + "".join(rows))

    def _import_sum(self, step: Step) -> None:
        """A first join, a last leave and a sum, by the address."""
        first, email = self._began(step), self.people[step.person][2]
        minutes = 10 + 20 * step.amount
        row = f"{email},{first.isoformat()},{(first + LENGTH).isoformat()},{minutes}\n"
        self._publish(step, "email,joined_at,left_at,minutes\n" + row)

    def _import_name(self, step: Step) -> None:
        """Somebody of whom the report has a name that nobody has."""
        first = self._began(step)
        left = first + (1 + step.amount) * timedelta(minutes=20)
        self._publish(step, f"name,joined_at,left_at\nphone {step.other % 2},{first.isoformat()},{left.isoformat()}\n")

    def _unmatched_attendees(self, *, decided: bool) -> list[UnmatchedAttendee]:
        query = (
            select(UnmatchedAttendee)
            .where(UnmatchedAttendee.series_id == self.series_id)
            .order_by(UnmatchedAttendee.id)
        )
        rows = db.session.scalars(query.execution_options(populate_existing=True))
        return [row for row in rows if (row.how is not None) == decided]

    def _decide(self, step: Step) -> None:
        for row in self._unmatched_attendees(decided=False)[:1]:
            resolve_attendee(
                self.lectures[step.lecture], row.id, person=self.people[step.person][1], version=row.version,
                by=SYSTEM, at=self.now,
            )  # fmt: skip

    def _undo_decision(self, step: Step) -> None:
        for row in self._unmatched_attendees(decided=True)[:1]:
            undo_decision(self.lectures[step.lecture], row.id, version=row.version, by=SYSTEM, at=self.now)

    def _watch_in_group(self, step: Step) -> None:
        lecture = self.lecture(step)
        if lecture.actual_start is None or lecture.actual_end is None:
            return
        began = lecture.actual_start.replace(tzinfo=None) + (step.amount - 1) * timedelta(minutes=20)
        draft = GroupInput("Nairobi", "Room 4", "Jane Wanjiru", 3, "UTC")
        group = open_group(lecture.id, draft, country="KE", by=SYSTEM, at=self.now)[0]
        tick(group, add=[self.people[step.person][1]], by=SYSTEM, at=self.now)
        mark = list_of_group(get_group(group, by=SYSTEM), by=SYSTEM, at=self.now).mark
        basis = Basis(start=began, until=began + timedelta(minutes=50))
        sign_group(group, basis=basis, mark=mark, by=SYSTEM, at=self.now)

    def _watch_replay(self, step: Step) -> None:
        """Plays a part of the replay, at double speed."""
        first, length = self._began(step), (1 + step.amount) * timedelta(minutes=20)
        began, ranges = clock.to_ms(self.now - length / 2), [(clock.to_ms(first), clock.to_ms(first + length))]
        record_played(self.lectures[step.lecture], self.people[step.person][0], ranges, began_ms=began, at=self.now)

    def _correct(self, step: Step) -> None:
        outcome = list(Outcome)[step.amount]
        correct(self.lectures[step.lecture], self.people[step.person][1], outcome=outcome, reason="seen", by=SYSTEM,
                at=self.now)  # fmt: skip

    def _withdraw_correction(self, step: Step) -> None:
        correct(self.lectures[step.lecture], self.people[step.person][1], outcome=None, by=SYSTEM, at=self.now)
