"""Answers, reports, corrections and closings of one lecture at the same moment, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.attendance.actions import appeals
from lms.attendance.actions.appeals import accept_appeal, decline_appeal, file_appeal, withdraw_appeal
from lms.attendance.actions.closing import close_attendance, reopen_attendance
from lms.attendance.actions.corrections import correct
from lms.attendance.appeal_rules import AppealInput
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Closing, Correction, Credit, Outcome
from lms.attendance.models.evidence import Presence
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.core.database.session import db
from lms.mail.outbox import OutboxMail
from lms.people.actions.merging import merge_people
from tests.at_once import ends_at_once
from tests.attendance.scene import END, START, Scene

pytestmark = pytest.mark.databases(differs=True)
EIGHT = 8
ROUNDS = 4


class Crowd:
    """A held lecture, and a way to let many act on it at the same moment."""

    def __init__(self, app: APIFlask, make: Any) -> None:
        self.app = app
        with app.app_context():
            self.scene = Scene(make)
            self.lecture: int = self.scene.lecture.id
            self.ids = {name: (person.id, person.public_id) for name, person in self.scene.people.items()}
            self.own = make.actor(self.scene.people["Ada"])
            self.boss = make.administrator()

    def all_at_once(self, acts: list[Callable[[], object]]) -> list[str]:
        return ends_at_once(self.app, acts)

    def count(self, table: Any, *where: Any) -> int:
        with self.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table).where(*where)) or 0


@pytest.fixture
def crowd(app: APIFlask, make: Any) -> Crowd:
    return Crowd(app, make)


def test_an_appeal_is_answered_once(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = appeals.checked_words

    def slow(*given: Any, **more: Any) -> str:
        time.sleep(0.05)  # between finding it open and answering it: whoever is not held back reads what is old
        return quick(*given, **more)

    monkeypatch.setattr(appeals, "checked_words", slow)
    with crowd.app.app_context():
        draft = AppealInput(text="I was there")
        appeal = file_appeal(crowd.lecture, draft, by=crowd.own, at=END)[0].public_id
    by = crowd.scene.by
    accept = lambda: accept_appeal(appeal, outcome=Outcome.ATTENDED, words="Yes", by=by, at=END)  # noqa: E731
    decline = lambda: decline_appeal(appeal, words="No", by=crowd.boss, at=END)  # noqa: E731
    withdraw = lambda: withdraw_appeal(appeal, by=crowd.own, at=END)  # noqa: E731
    ends = crowd.all_at_once([*[accept, decline] * (EIGHT // 2), withdraw])
    assert sorted(ends) == ["done", *["refused"] * EIGHT]
    with crowd.app.app_context():
        state = db.session.scalars(select(Appeal.state)).one()
    accepted = state is AppealState.ACCEPTED
    assert crowd.count(Correction) == crowd.count(Credit, Credit.outcome == Outcome.ATTENDED) == accepted
    assert crowd.count(OutboxMail, OutboxMail.template == "appeal_answered") == (state is not AppealState.WITHDRAWN)


def test_one_appeal_is_open_however_often_it_is_asked(crowd: Crowd) -> None:
    acts = [
        lambda n=n: file_appeal(crowd.lecture, AppealInput(text=f"Look {n}"), by=crowd.own, at=END)
        for n in range(EIGHT)
    ]
    assert sorted(crowd.all_at_once(acts)) == ["done", *["refused"] * (EIGHT - 1)]
    assert crowd.count(Appeal) == 1


def test_a_report_counts_in_the_closing_or_is_refused(crowd: Crowd) -> None:
    by = crowd.scene.by
    for number, name in enumerate(("Ada", "Ben", "Cyr", "Ada")[:ROUNDS]):
        text = f"email,joined_at,left_at\n{name.lower()}@x.example,{START.isoformat()},{END.isoformat()}\n"
        with crowd.app.app_context():
            staged = stage_attendance(crowd.lecture, text.encode(), file_name=f"{number}.csv", by=by)
        before = crowd.count(Presence)
        acts: list[Callable[[], object]] = [
            lambda staged=staged: publish_attendance(staged, by=by, at=END),
            lambda: close_attendance(crowd.lecture, by=by, at=END),
            lambda: close_attendance(crowd.lecture, by=crowd.boss, at=END),
        ]
        published, *closed = crowd.all_at_once(acts)
        assert closed == ["done", "done"]
        assert crowd.count(Closing, Closing.reopened_at.is_(None)) == 1
        if published == "refused":
            assert crowd.count(Presence) == before
        with crowd.app.app_context():
            figures = db.session.scalars(select(Closing.figures).where(Closing.reopened_at.is_(None))).one()
        seen = crowd.count(Presence)
        assert (figures["attended"], crowd.count(Credit)) == (seen, seen)
        with crowd.app.app_context():
            reopen_attendance(crowd.lecture, reason="once more", by=by, at=END)


def test_corrections_and_merges_do_not_wait_in_a_circle(crowd: Crowd) -> None:
    by, (_ada_id, ada), (_ben_id, ben) = crowd.scene.by, crowd.ids["Ada"], crowd.ids["Ben"]
    acts: list[Callable[[], object]] = [
        lambda n=n: correct(
            crowd.lecture, ada if n % 2 else ben, outcome=Outcome.EXCUSED, reason=f"reason {n}", by=by, at=END
        )
        for n in range(EIGHT)
    ]
    acts.append(lambda: merge_people(ada, ben, reason="The same person", by=crowd.boss, at=END))
    assert crowd.all_at_once(acts) == ["done"] * (EIGHT + 1)
    with crowd.app.app_context():
        canonical = {crowd.ids["Ada"][0]}
        assert {one.person_id for one in db.session.scalars(select(Credit))} == canonical
