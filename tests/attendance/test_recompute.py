"""Recomputing many lectures, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.facts import rebuild_facts
from lms.attendance.actions.recompute import recompute_lectures, request_recompute
from lms.attendance.models.credits import Credit, LectureFacts, Outcome
from lms.attendance.queries.outcomes import held_lectures
from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from tests.attendance.test_actions import END, START, Scene

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
Rows = list[tuple[Any, ...]]


class Scenes(Scene):
    """Three lectures held, with evidence, and credits that were spoilt behind everybody's back in all of them."""

    def __init__(self, make: Any) -> None:
        super().__init__(make)
        self.lectures = [self.lecture] + [
            make.lecture(self.series, state="held", actual_start=START, actual_end=END, starts_at=START)
            for _number in range(2)
        ]
        for number, lecture in enumerate(self.lectures):
            self.lecture = lecture
            self.publish(("ada@x.example", 0, 60 + number), ("ben@x.example", 0, 30))
        self.right = self.rows()
        self.spoil()

    @action
    def spoil(self) -> None:
        db.session.execute(update(Credit).where(Credit.person_id == self.people["Ada"].id).values(present_ms=1))
        db.session.execute(update(Credit).values(outcome=Outcome.PARTIAL))
        rebuild_facts(by=SYSTEM)

    def rows(self) -> Rows:
        query = select(Credit.lecture_id, Credit.person_id, Credit.present_ms, Credit.percent_tenths, Credit.outcome)
        return list(db.session.execute(query.order_by(Credit.lecture_id, Credit.person_id)).all())

    def versions(self) -> dict[int, int]:
        return dict(db.session.execute(select(LectureFacts.lecture_id, LectureFacts.version)).all())


@pytest.fixture
def scenes(make: Any, context: None) -> Scenes:
    return Scenes(make)


def test_only_what_differs_is_written_and_the_facts_follow(scenes: Scenes) -> None:
    before = scenes.versions()
    wanted = held_lectures(by=SYSTEM)
    told: list[tuple[int, int]] = []
    first = recompute_lectures(wanted, by=SYSTEM, at=clock.now(), progress=lambda *far: told.append(far))
    assert first == {"lectures": 3, "changed": 3, "left_out": []}
    assert told == [(0, 3), (1, 3), (2, 3)]
    assert scenes.rows() == scenes.right
    after = scenes.versions()
    assert all(after[one] != before[one] for one in before)
    again = recompute_lectures(wanted, by=SYSTEM, at=clock.now())
    assert again == {"lectures": 3, "changed": 0, "left_out": []}
    assert scenes.versions() == after


def test_stopped_midway_and_run_again_it_comes_to_the_same(scenes: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def dies(done: int, _total: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        recompute_lectures(held_lectures(by=SYSTEM), by=SYSTEM, at=clock.now(), progress=dies)
    assert scenes.rows()[:4] == scenes.right[:4]
    assert scenes.rows()[4:] != scenes.right[4:]
    left = recompute_lectures(held_lectures(by=SYSTEM), by=SYSTEM, at=clock.now())
    assert left["changed"] == 1
    assert scenes.rows() == scenes.right


def test_what_is_closed_stays_and_is_said(scenes: Scenes) -> None:
    recompute_lectures([scenes.lecture.id], by=SYSTEM, at=clock.now())
    close_attendance(scenes.lecture.id, by=scenes.by, at=END)
    scenes.spoil()
    done = recompute_lectures(held_lectures(by=SYSTEM), by=SYSTEM, at=clock.now())
    assert (done["lectures"], done["changed"]) == (2, 2)
    assert [one["lecture"] for one in done["left_out"]] == [scenes.lecture.id]
    assert "closed" in done["left_out"][0]["reason"]
    assert scenes.rows()[:4] == scenes.right[:4]
    assert scenes.rows()[4:] != scenes.right[4:]


def test_one_series_or_one_lecture(scenes: Scenes) -> None:
    other = scenes.make.lecture(state="held", actual_start=START, actual_end=END, starts_at=START)
    ids = [lecture.id for lecture in scenes.lectures]
    assert held_lectures(by=SYSTEM) == [*ids, other.id]
    assert held_lectures(slug=scenes.series.slug, by=SYSTEM) == ids
    assert held_lectures(lecture_id=ids[1], by=SYSTEM) == [ids[1]]
    for wrong in ({"slug": "none"}, {"lecture_id": 999}):
        with pytest.raises(NotFound):
            held_lectures(**wrong, by=SYSTEM)  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        held_lectures(by=scenes.by)


def test_the_job_is_asked_for_once_and_by_administrators(scenes: Scenes) -> None:
    with pytest.raises(Forbidden):
        request_recompute(by=scenes.by, at=END)
    with pytest.raises(Forbidden):
        recompute_lectures([scenes.lecture.id], by=scenes.by, at=END)
    by = scenes.make.administrator()
    first = request_recompute(by=by, at=END).id
    assert request_recompute(by=by, at=END).id == first
    assert jobs.run_due() == 1
    done = db.session.get_one(Job, first, populate_existing=True)
    assert (done.state, done.done, done.total) == (JobState.DONE, 3, 3)
    assert done.result == {"lectures": 3, "changed": 3, "left_out": []}
    assert scenes.rows() == scenes.right
    assert request_recompute(by=by, at=END).id != first
