"""Whatever happened, in whatever order, the figures are those of the rows: random walks through the actions."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from apiflask import APIFlask

from lms.attendance.actions.corrections import correct
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.facts import rebuild_facts
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.attendance.queries.sessions import unconfirmed_lectures
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.states import (
    confirm_held,
    correct_times,
    end_lecture,
    hold_lecture,
    reopen_lecture,
    undo_start,
)
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.policies import find_pause
from lms.certificates import numbers
from lms.certificates.actions.changes import revoke, withdraw
from lms.certificates.models import AWARDS, Certificate
from lms.core.base.errors import DomainError
from lms.core.base.roles import SYSTEM
from lms.core.database.cache_versions import touch
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.enrolment.actions.places import enrol
from lms.enrolment.models import REGISTRATIONS
from lms.feedback.models import FeedbackAnswer
from lms.people.actions.merging import DETAILS, merge_people, undo_merge
from lms.people.actions.persons import change_profile
from lms.people.actions.privacy import erase_person
from lms.people.models import Gender, Sector
from lms.reports import recount
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.factories import Make
from tests.properties import seeds
from tests.reports.world import World

pytestmark = pytest.mark.databases
AT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
NEW_YEAR = datetime(2024, 12, 31, 14, 30, tzinfo=UTC)  # an hour and a half before it turns in the reporting zone
CODES = ["KE", "UG", "FR", None]
QUESTIONS: list[tuple[Slice, tuple[str, ...]]] = [
    (Slice(), ()),
    (Slice(), ("country", "sector")),
    (Slice(source="live"), ("gender", "country")),
    (Slice(from_day=date(2025, 1, 1)), ("source", "region")),
    (Slice(country="KE", gender="female"), ("month",)),
    (Slice(partner=True), ("sector", "gender")),
    (Slice(country="KE"), ("source", "country")),
    (Slice(partner=False), ("region", "source")),
    (Slice(sector="government"), ("country", "sector")),
    (Slice(sector="business", language="fr"), ("country", "year")),
]


class Walk:
    """A small programme to which something happens at random."""

    def __init__(self, world: World, make: Make, seed: int) -> None:
        self.world, self.draw = world, random.Random(seed)
        world.partner("KE", until=date(2024, 12, 31))
        self.series = [world.series("one"), world.series("two", language="fr")]
        self.lectures = [
            world.lecture(
                self.draw.choice(self.series), NEW_YEAR + timedelta(days=days), language="fr", is_confirmed=days == 1
            )
            for days in (0, 0, 1, 200)
        ]
        self.people: list[tuple[int, str, str]] = []
        for number in range(9):
            email = f"p{number}@example.org"
            made = make.person(country=self.draw.choice(CODES), email=email)
            self.people.append((made.id, made.public_id, email))
        for person_id, _public, _email in self.people[::2]:
            world.award(self.draw.choice(self.series), person_id, NEW_YEAR + timedelta(hours=self.draw.randint(0, 3)))

        with db.engine.begin() as connection:
            for (made,) in connection.execute(db.select(Certificate.id)).all():
                named = db.update(Certificate).where(Certificate.id == made)
                connection.execute(named.values(number=numbers.generate()))

    def step(self) -> None:
        """One thing happens, or is refused."""
        steps: list[Callable[[], object]] = [
            *[self.late_import] * 8, self.correct, self.withdraw_correction, self.merge,
            self.undo, self.erase, self.move, self.move, self.change_traits, self.correct_times, self.enrol,
            self.end_certificate, self.reopen, self.undo_start, *[self.end_again] * 6, *[self.confirm] * 2,
            self.change_policy, *[self.give_feedback] * 6,
        ]  # fmt: skip
        try:
            self.draw.choice(steps)()
        except DomainError:
            db.session.rollback()

    def give_feedback(self) -> None:
        """Somebody answers, perhaps without a rating, or changes an answer."""
        lecture_id, person_id = self.draw.choice(self.lectures), self.draw.choice(self.people)[0]
        rating, at = self.draw.choice([None, 1, 2, 3, 4, 5]), AT + timedelta(minutes=self.draw.randint(0, 99))
        given = {"lecture_id": lecture_id, "person_id": person_id}
        row = db.session.scalars(db.select(FeedbackAnswer).filter_by(**given)).one_or_none()
        is_new = row is None
        db.session.rollback()
        if is_new:
            self.world.insert(FeedbackAnswer, **given, answers={}, rating=rating, answered_at=at, changed_at=at)
        else:
            change = db.update(FeedbackAnswer).filter_by(**given)
            self.world.execute(change.values(rating=rating, changed_at=at))

    def late_import(self) -> None:
        lecture_id = self.draw.choice(self.lectures)
        lecture = db.session.get_one(Lecture, lecture_id)
        person_id = self.draw.choice(self.people)[0]
        first = self.draw.choice([0, 0, 20, 60])
        if lecture.actual_start is None:
            db.session.rollback()
            return
        joined, left = (
            clock.to_ms(lecture.actual_start + timedelta(minutes=minutes))
            for minutes in (first, first + self.draw.choice([20, 70, 90]))
        )
        db.session.rollback()
        source = self.draw.choice([Source.LIVE, Source.GROUP, Source.REPLAY])
        self.world.insert(
            Presence, lecture_id=lecture_id, person_id=person_id, source=source, joined_ms=joined, left_ms=left,
            evidence=f"{self.draw.random()}",
        )  # fmt: skip
        # Evidence counts for who is enrolled
        enrol(lecture.series_id, person_id, by=SYSTEM, at=AT)
        credit_lecture(lecture_id, by=SYSTEM, at=AT)

    def correct(self) -> None:
        outcome = self.draw.choice(list(Outcome))
        correct(self.draw.choice(self.lectures), self._public(), outcome=outcome, reason="seen", by=SYSTEM, at=AT)

    def withdraw_correction(self) -> None:
        correct(self.draw.choice(self.lectures), self._public(), outcome=None, by=SYSTEM, at=AT)

    def _public(self) -> str:
        return self.draw.choice(self.people)[1]

    def merge(self) -> None:
        keep = self.draw.sample(DETAILS, self.draw.randint(0, 4))
        merge_people(self._public(), self._public(), keep=keep, by=SYSTEM, at=AT, today=self._day())

    def undo(self) -> None:
        undo_merge(self._public(), by=SYSTEM, at=AT)

    def erase(self) -> None:
        if self.draw.random() < 0.3:
            _id, public_id, email = self.draw.choice(self.people)
            chosen = self.draw.random() < 0.5
            erase_person(public_id, confirmation=email, withdraw_certificates=chosen, by=SYSTEM, at=AT)

    def move(self) -> None:
        country = {"country": self.draw.choice(CODES), "country_from": self._day()}
        change_profile(self._public(), country, by=SYSTEM, at=AT)

    def _day(self) -> date:
        return NEW_YEAR.date() + timedelta(days=self.draw.choice([-400, 0, 1, 100]))

    def change_traits(self) -> None:
        changes = {"sector": self.draw.choice(list(Sector)), "gender": self.draw.choice(list(Gender))}
        change_profile(self._public(), changes, by=SYSTEM, at=AT)

    def correct_times(self) -> None:
        start = NEW_YEAR + timedelta(hours=self.draw.choice([0, 1, 2]))
        end = start + timedelta(minutes=90)
        correct_times(self.draw.choice(self.lectures), started_at=start, ended_at=end, by=SYSTEM, at=AT)

    def reopen(self) -> None:
        """Takes back the end of a lecture: live again, it is counted no more until it ends anew."""
        lecture_id = self.draw.choice(self.lectures)
        ended = db.session.get_one(Lecture, lecture_id).actual_end
        db.session.rollback()
        if ended is not None:
            reopen_lecture(lecture_id, by=SYSTEM, at=ended + timedelta(hours=1))

    def undo_start(self) -> None:
        """Undoes start and end of a lecture: it is counted no more until it is held."""
        undo_start(self.draw.choice(self.lectures), by=SYSTEM, at=AT)

    def confirm(self) -> None:
        """Confirms that a lecture was held; most are certain, or confirmed, or not held."""
        confirm_held(self.draw.choice(self.lectures), by=SYSTEM, at=AT)

    def end_again(self) -> None:
        """Ends what was reopened, and holds what was undone, under the policy of now; some for moments only."""
        for lecture_id in self.lectures:
            lecture = db.session.get_one(Lecture, lecture_id)
            started, state = lecture.actual_start or lecture.starts_at, lecture.state
            db.session.rollback()
            assert started is not None
            ended = started + timedelta(minutes=self.draw.choice([4, 60, 90, 90]))
            if state == LectureState.LIVE:
                for minutes in self.draw.choice([(), (1, 3), (0, 58), (30, 50)]):
                    act = resume_lecture if self._is_paused(lecture_id) else pause_lecture
                    act(lecture_id, by=SYSTEM, at=started + timedelta(minutes=minutes))
                end_lecture(lecture_id, ended_at=ended, by=SYSTEM, at=AT)
            elif state == LectureState.SCHEDULED:
                hold_lecture(lecture_id, started_at=started, ended_at=ended, by=SYSTEM, at=AT)
            else:
                continue
            credit_lecture(lecture_id, by=SYSTEM, at=AT)

    @staticmethod
    def _is_paused(lecture_id: int) -> bool:
        paused = find_pause(db.session.get_one(Lecture, lecture_id)) is not None
        db.session.rollback()
        return paused

    def change_policy(self) -> None:
        changed = {"policy": {"min_percent": self.draw.choice([20, 40, 60])}}
        edit_series(self.draw.choice(["one", "two"]), changed, by=SYSTEM, at=AT)

    def enrol(self) -> None:
        enrol(self.draw.choice(self.series), self.draw.choice(self.people)[0], by=SYSTEM, at=AT)

    def end_certificate(self) -> None:
        issued = sorted(db.session.scalars(db.select(Certificate.number)))
        if self.draw.random() < 0.5:
            revoke(self.draw.choice(issued), reason="in error", by=SYSTEM, at=AT)
        else:
            withdraw(self.draw.choice(issued), by=SYSTEM, at=AT)


@action
def touch_all() -> None:
    """Lets what is read of registrations and awards be kept in memory, as after an action."""
    for kind in (REGISTRATIONS, AWARDS):
        touch(kind, list(db.session.scalars(db.select(Series.id))))


@pytest.mark.parametrize("seed", seeds(3))
def test_figures_are_those_of_the_rows(app: APIFlask, world: World, make: Make, seed: int) -> None:
    with app.app_context():
        walk = Walk(world, make, seed)
        rebuild_facts(by=SYSTEM)
        touch_all()
        for number in range(90):
            walk.step()
            if number % 3 == 2:
                rows = RecountRows("Asia/Shanghai")
                assert recount.facts_differences(rows) == []
                slice_, dimensions = QUESTIONS[number // 3 % len(QUESTIONS)]
                assert recount.differences(rows, slice_, dimensions, AT) == [], (number, slice_)
                assert recount.differences(rows, Slice(), (), AT) == [], number
                waiting = {lecture.id for lecture in unconfirmed_lectures(by=SYSTEM)}
                assert waiting == rows.held.keys() - rows.sessions, number
        walk.end_again()
        rows = RecountRows("Asia/Shanghai")
        assert recount.differences(rows, Slice(), (), AT) == []
        assert sum(fact.kind == "attendance" for fact in rows.facts) > 3
