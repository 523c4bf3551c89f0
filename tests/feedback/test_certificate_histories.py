"""Whatever happens in a series whose certificate asks for feedback, who has earned it is who a small model says it is.

People enrol, come, answer, are merged and erased; lectures are held, entered late and called off; the policy changes.
The model knows the rule only as pages and e-mails state it. All that states or counts
by it is compared after each step.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select, update

from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.series import edit_series
from lms.catalogue.models import CertificateKind, Lecture, LectureState
from lms.certificates.queries.earner_groups import EarnerGroup, SeriesEarners
from lms.certificates.queries.progress import standings_of, totals_of_series
from lms.core.base.errors import DomainError
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db, read_column
from lms.feedback import actions
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
BEGIN = datetime(2026, 9, 1, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPEN = timedelta(days=14)


@dataclass
class Held:
    """A held lecture: when it ended and was entered, who came, and who answered about it (records)."""

    end: datetime
    entered: datetime
    came: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)


class History:
    """A series, and the model of it: who each record is, since when it is enrolled, and what the policy asked when."""

    def __init__(self, make: Make, seed: int) -> None:
        self.make, self.random, self.now = make, Random(seed), BEGIN
        self.admin = make.administrator()
        teacher = make.person(roles=["instructor"])
        self.by = make.actor(teacher)
        self.series = make.series(
            instructors=[teacher], policy={"certificate": CertificateKind.COMPLETION, "min_lectures": 1}
        )
        self.people = [make.person(f"P{seed}n{number}", email=f"p{seed}n{number}@x.example") for number in range(5)]
        self.addresses = {one.id: f"p{seed}n{number}@x.example" for number, one in enumerate(self.people)}
        self.who = {one.id: one.id for one in self.people}
        self.enrolled: dict[int, datetime] = {}
        self.erased: set[int] = set()
        self.held: dict[int, Held] = {}
        self.to_come = [make.lecture(self.series, starts_at=BEGIN + 90 * DAY).id for _number in range(3)]
        self.asked: list[tuple[datetime, int]] = [(BEGIN, 0)]

    def enrol(self) -> None:
        person = self.random.choice(self.people)
        is_in = any(self.who[one] == person.id for one in self.enrolled)
        if person.id == self.who[person.id] and person.id not in self.erased and not is_in:
            self.make.enrolment(self.series, person, at=self.now)
            self.enrolled[person.id] = self.now

    def hold(self) -> None:
        """Somebody's attendance is in the file of the meeting."""
        if not self.to_come:
            return
        id_, end = self.to_come.pop(), self.now
        times = {"actual_start": end - HOUR, "starts_at": end - HOUR, "actual_end": end, "confirmed_at": end}
        db.session.execute(update(Lecture).where(Lecture.id == id_).values(state=LectureState.HELD, **times))
        db.session.commit()
        there = [one for one in self.enrolled if self.who[one] not in self.erased and self.random.random() < 0.7]
        self.held[id_] = Held(end, BEGIN - DAY, {*there})
        lines = [f"{self.addresses[one]},{(end - HOUR).isoformat()},{end.isoformat()}\n" for one in there]
        if lines:
            text = "email,joined_at,left_at\n" + "".join(lines)
            staged = stage_attendance(id_, text.encode(), file_name="report.csv", by=self.by)
            publish_attendance(staged, by=self.by, at=end)

    def enter_late(self) -> None:
        end = self.now - self.random.choice((3, 20)) * DAY
        times = {"actual_start": end - HOUR, "starts_at": end - HOUR, "actual_end": end}
        lecture = self.make.lecture(self.series, state="held", at=self.now, **times)
        self.held[lecture.id] = Held(end, self.now)

    def call_off(self) -> None:
        if self.to_come:
            id_ = self.to_come.pop()
            db.session.execute(update(Lecture).where(Lecture.id == id_).values(state=LectureState.CANCELLED))
            db.session.commit()

    def answer(self) -> None:
        if self.held:
            id_, person = self.random.choice([*self.held]), self.who[self.random.choice(self.people).id]
            lecture = self.held[id_]
            may = person not in self.erased and self.now <= lecture.end + OPEN and self._is_asked(lecture, person)
            try:
                actions.answer(db.session.get_one(Lecture, id_), person, {"useful": 4}, by=SYSTEM, at=self.now)
                assert may
                lecture.answered.add(person)
            except DomainError:
                assert not may

    def merge(self) -> None:
        kept, merged = self.random.sample(self.people, 2)
        ids = [kept.id, merged.id]
        has_others = any(whose == merged.id for one, whose in self.who.items() if one != merged.id)
        if [self.who[one] for one in ids] == ids and not {*ids} & self.erased and not has_others:
            merge_people(kept.public_id, merged.public_id, reason="The same", by=self.admin, at=self.now)
            self.who[merged.id] = kept.id

    def erase(self) -> None:
        person = self.random.choice(self.people)
        if self.who[person.id] == person.id and self.random.random() < 0.3:
            with suppress(DomainError):
                erase_person(
                    person.public_id, confirmation=self.addresses[person.id], withdraw_certificates=False,
                    by=self.admin, at=self.now,
                )  # fmt: skip
                self.erased.add(person.id)

    def change_policy(self) -> None:
        number = self.random.choice((0, 1, 2, 3, 3))
        edit_series(self.series.slug, {"policy": {"min_feedback": number or None}}, by=self.admin, at=self.now)
        self.asked.append((self.now, number))

    def wait(self) -> None:
        self.now += self.random.choice((1, 5, 15)) * DAY

    def _is_asked(self, lecture: Held, person: int) -> bool:
        """Whether a person could answer about a lecture before its 14 days were over."""
        last = lecture.end if lecture.entered < lecture.end else lecture.end + OPEN
        began = [since for one, since in self.enrolled.items() if self.who[one] == person]
        return lecture.entered <= lecture.end + OPEN and any(since <= last for since in began)

    def has_met(self, person: int) -> bool:
        number = self.asked[-1][1]
        if not number:
            return True
        since = self.now
        for at, asked in reversed(self.asked):
            if asked < number:
                break
            since = at
        asked_about = [one for one in self.held.values() if one.end + OPEN >= since]
        given = [one for one in self.held.values() if {self.who[record] for record in one.answered} & {person}]
        if len(given) >= min(number, len(asked_about) + len(self.to_come)):
            return True
        return not self.to_come and all(one in given for one in asked_about if self._is_asked(one, person))

    def earners(self) -> set[int]:
        here = {self.who[one] for one in self.enrolled} - self.erased
        came = {self.who[record] for one in self.held.values() for record in one.came}
        return {person for person in here & came if self.has_met(person)}


STEPS = ("enrol",) * 5 + ("hold",) * 4 + ("answer",) * 8 + ("wait",) * 3 + (
    "enter_late", "call_off", "merge", "erase", "change_policy",
)  # fmt: skip


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))])
def test_who_has_earned_it_is_who_the_model_says(make: Make, seed: int) -> None:
    history = History(make, seed)
    history.enrol()
    history.change_policy()
    done: list[str] = []
    for _number in range(30):
        done.append(history.random.choice(STEPS))
        getattr(history, done[-1])()
        _compare(history, done)


def _compare(history: History, done: list[str]) -> None:
    series_id, at, expected = history.series.id, history.now, history.earners()
    view = SeriesEarners(history.series.slug, by=history.admin, at=at)
    groups = view.in_group(EarnerGroup.EARNED) | view.in_group(EarnerGroup.BLOCKED)
    assert set(read_column(select(view.people.c.id).where(groups))) == expected, done
    assert totals_of_series([series_id], by=history.admin)[series_id].earned == len(expected), done
    here = {history.who[one] for one in history.enrolled} - history.erased
    standings = standings_of(series_id, here, at=at)
    assert {person for person, one in standings.items() if one.is_reached} == expected, done
