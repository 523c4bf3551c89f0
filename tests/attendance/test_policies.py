"""A changed policy: for lectures not yet held at once, for those that were held by a step that is looked at before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.corrections import correct
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.policies import request_policy
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.queries.change_preview import ChangeKind, PolicyPreview, list_changes, preview_policy
from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.models import Lecture, LectureChange, LectureState
from lms.catalogue.queries.policies import current_policy
from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from tests.attendance.test_actions import END, START, Scene

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
LATER = END + timedelta(days=1)


class Held(Scene):
    """Two lectures of 90 minutes: Ada was there for 60 % and 100 %, Ben for 50 % of both, Cyr in neither."""

    def __init__(self, make: Any) -> None:
        super().__init__(make)
        self.first = self.lecture
        self.publish(("ada@x.example", 0, 54), ("ben@x.example", 0, 45))
        self.second = self.lecture = make.lecture(
            self.series, title="Second", state="held", actual_start=START, actual_end=END, starts_at=START
        )
        self.publish(("ada@x.example", 0, 90), ("ben@x.example", 0, 45))
        old = current_policy(self.series.id).id
        for lecture in (self.first, self.second):
            db.session.get_one(Lecture, lecture.id).policy_id = old
        db.session.commit()

    def ask(self, percent: int) -> None:
        edit_series(self.series.slug, {"policy": {"min_percent": percent}}, by=self.by, at=LATER)

    def look(self, *chosen: int) -> PolicyPreview:
        return preview_policy(self.series.slug, chosen=chosen or None, by=self.by)

    def apply(self, preview: PolicyPreview, *, key: str | None = None) -> Job:
        job_id = request_policy(
            self.series.slug, chosen=preview.chosen, key=key or preview.key, by=self.by, at=LATER
        ).id
        jobs.run_due()
        return db.session.get_one(Job, job_id, populate_existing=True)

    def outcomes(self) -> dict[tuple[int, str], Outcome]:
        names = {person.id: name for name, person in self.people.items()}
        query = select(Credit.lecture_id, Credit.person_id, Credit.outcome)
        return {(lecture, names[person]): outcome for lecture, person, outcome in db.session.execute(query)}


@pytest.fixture
def held(make: Any, context: None) -> Held:
    return Held(make)


def test_a_change_holds_for_lectures_not_yet_held(held: Held) -> None:
    before = held.outcomes()
    held.ask(50)
    for lecture in (held.first, held.second):
        credit_lecture(lecture.id, by=held.by, at=LATER)
    assert held.outcomes() == before
    third = held.make.lecture(held.series, starts_at=START, instructors=[held.teacher]).id
    start_lecture(third, by=held.by, at=LATER, started_at=START)
    end_lecture(third, by=held.by, at=LATER, ended_at=END)
    held.lecture = db.session.get_one(Lecture, third)
    held.publish(("ben@x.example", 0, 45))
    assert held.outcomes()[third, "Ben"] is Outcome.ATTENDED


@pytest.mark.databases(differs=True)
def test_who_gains_and_who_loses_is_shown_before_and_comes_true(held: Held) -> None:
    before = held.outcomes()
    assert held.look().lectures == []
    held.ask(50)
    preview = held.look()
    assert [(one.policy.min_percent, len(one.difference.gained)) for one in preview.lectures] == [(60, 1), (60, 1)]
    assert (preview.count(ChangeKind.GAINED), preview.count(ChangeKind.LOST)) == (2, 0)
    shown = list_changes(
        [one.difference for one in preview.taken], ChangeKind.GAINED, series_id=preview.series.id, by=SYSTEM
    )
    assert [(one.full_name, one.lecture_id, one.before, one.after) for one in shown] == [
        ("Ben", held.first.id, Outcome.PARTIAL, Outcome.ATTENDED),
        ("Ben", held.second.id, Outcome.PARTIAL, Outcome.ATTENDED),
    ]
    assert held.outcomes() == before
    done = held.apply(preview)
    assert done.result == {"lectures": 2, "gained": 2, "lost": 0, "left_out": []}
    changed = dict.fromkeys(before, Outcome.ATTENDED)
    assert held.outcomes() == changed
    assert held.look().lectures == []
    said = db.session.scalars(select(LectureChange.what).where(LectureChange.lecture_id == held.first.id))
    assert list(said) == ["policy_applied"]


def test_some_lectures_only(held: Held) -> None:
    held.ask(80)
    preview = held.look(held.first.id)
    assert (preview.chosen, preview.count(ChangeKind.LOST)) == ([held.first.id], 1)
    assert len(preview.lectures) == 2
    held.apply(preview)
    assert held.outcomes()[held.first.id, "Ada"] is Outcome.PARTIAL
    assert held.outcomes()[held.second.id, "Ada"] is Outcome.ATTENDED
    assert [one.lecture.id for one in held.look().lectures] == [held.second.id]


def test_a_correction_by_hand_stands(held: Held) -> None:
    ada = held.people["Ada"].public_id
    correct(held.first.id, ada, outcome=Outcome.EXCUSED, reason="ill", by=held.by, at=LATER)
    held.ask(80)
    preview = held.look()
    assert preview.count(ChangeKind.LOST) == 0
    held.apply(preview)
    assert held.outcomes()[held.first.id, "Ada"] is Outcome.EXCUSED


def test_what_changed_since_it_was_looked_at_is_refused(held: Held) -> None:
    held.ask(50)
    looked = held.look()
    held.lecture = held.first
    held.publish(("cyr@x.example", 0, 50))
    with pytest.raises(Refused, match="has changed since you reviewed it"):
        held.apply(looked)
    again = held.look()
    held.ask(55)
    with pytest.raises(Refused, match="has changed since you reviewed it"):
        held.apply(again)
    assert db.session.scalar(select(Job.id)) is None
    assert held.outcomes()[held.first.id, "Cyr"] is Outcome.PARTIAL


def test_what_changes_while_it_waits_is_left_out_and_said(held: Held) -> None:
    held.ask(50)
    preview = held.look()
    job_id = request_policy(held.series.slug, chosen=None, key=preview.key, by=held.by, at=LATER).id
    held.lecture = held.first
    held.publish(("cyr@x.example", 0, 50))
    jobs.run_due()
    result = db.session.get_one(Job, job_id, populate_existing=True).result
    assert result is not None
    assert (result["lectures"], result["gained"]) == (1, 1)
    assert [one["lecture"] for one in result["left_out"]] == [held.first.id]
    assert held.outcomes()[held.first.id, "Ben"] is Outcome.PARTIAL
    assert held.outcomes()[held.second.id, "Ben"] is Outcome.ATTENDED


def test_closed_attendance_is_left_out(held: Held) -> None:
    close_attendance(held.first.id, by=held.by, at=LATER)
    held.ask(50)
    preview = held.look()
    assert [(one.lecture.id, one.is_closed) for one in preview.lectures] == [
        (held.first.id, True), (held.second.id, False)
    ]  # fmt: skip
    assert preview.chosen == [held.second.id]
    job_id = request_policy(held.series.slug, chosen=None, key=preview.key, by=held.by, at=LATER).id
    close_attendance(held.second.id, by=held.by, at=LATER)
    jobs.run_due()
    result = db.session.get_one(Job, job_id, populate_existing=True).result
    assert result is not None
    assert result["lectures"] == 0
    assert "closed" in result["left_out"][0]["reason"]
    with pytest.raises(Refused, match="Select at least one lecture"):
        held.apply(held.look())


def test_killed_midway_and_run_again_gives_the_same(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    held.ask(50)
    preview = held.look()
    job_id = request_policy(held.series.slug, chosen=None, key=preview.key, by=held.by, at=LATER).id
    tell = jobs.Run.progress

    def dies(run: jobs.Run, done: int, total: int) -> None:
        tell(run, done, total)
        if done == 1:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(jobs.Run, "progress", dies)
        with pytest.raises(Killed):
            jobs.run_due()
    db.session.rollback()
    assert held.outcomes()[held.first.id, "Ben"] is Outcome.ATTENDED
    assert held.outcomes()[held.second.id, "Ben"] is Outcome.PARTIAL
    jobs.run_job(job_id)
    done = db.session.get_one(Job, job_id, populate_existing=True)
    assert (done.state, done.result) == (JobState.DONE, {"lectures": 2, "gained": 2, "lost": 0, "left_out": []})
    assert set(held.outcomes().values()) == {Outcome.ATTENDED}


def test_only_the_staff_of_the_series_looks_and_applies(held: Held) -> None:
    held.ask(50)
    key = held.look().key
    for other in (held.make.actor(roles=["instructor"]), held.make.actor(roles=["reporter"]), held.make.actor()):
        with pytest.raises(Forbidden):
            preview_policy(held.series.slug, by=other)
        with pytest.raises(Forbidden):
            request_policy(held.series.slug, chosen=None, key=key, by=other, at=LATER)


def test_a_change_of_what_a_certificate_asks_leaves_lectures_alone(held: Held) -> None:
    edit_series(held.series.slug, {"policy": {"min_lectures": 1}}, by=held.by, at=LATER)
    assert held.look().lectures == []
    assert db.session.scalar(select(Lecture.state).where(Lecture.id == held.first.id)) is LectureState.HELD
