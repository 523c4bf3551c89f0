"""Closed attendance: what was counted stands, whoever tries, until it is reopened with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions.closing import close_attendance, reopen_attendance
from lms.attendance.actions.corrections import correct
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.credits import Closing, Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.states import correct_times, reopen_lecture, undo_start
from lms.catalogue.models import Lecture, LectureState
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.actions.merging import merge_people
from tests.attendance.scene import END, START, Scene, minute

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
CLOSED = END + timedelta(hours=2)


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


@pytest.fixture
def closed(scene: Scene) -> Scene:
    scene.publish(("ada@x.example", 0, 80), ("ben@x.example", 0, 30))
    close_attendance(scene.lecture.id, by=scene.by, at=CLOSED)
    return scene


def closings(scene: Scene) -> list[Closing]:
    query = select(Closing).where(Closing.lecture_id == scene.lecture.id).order_by(Closing.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


@action
def unseen_evidence(scene: Scene, name: str) -> None:
    db.session.add(
        Presence(
            lecture_id=scene.lecture.id,
            person_id=scene.people[name].id,
            source=Source.LIVE,
            joined_ms=clock.to_ms(START),
            left_ms=clock.to_ms(END),
            evidence=f"late-{name}",
        )
    )


def test_closing_counts_first_and_keeps_the_numbers(scene: Scene) -> None:
    unseen_evidence(scene, "Ada")
    close_attendance(scene.lecture.id, by=scene.by, at=CLOSED)
    (closing,) = closings(scene)
    assert (closing.closed_at, closing.closed_by, closing.reopened_at) == (CLOSED, scene.teacher.id, None)
    assert closing.figures == {
        "people": 3, "attended": 1, "partial": 0, "absent": 2, "excused": 0, "unmatched": 0, "open_appeals": 0
    }  # fmt: skip
    assert scene.credit("Ada").outcome is Outcome.ATTENDED  # type: ignore[union-attr]
    assert audit.list_entries("lecture", scene.lecture.id)[0].verb == "attendance.close"


def test_closing_twice_is_one_closing(closed: Scene) -> None:
    close_attendance(closed.lecture.id, by=closed.by, at=CLOSED + timedelta(days=1))
    assert [one.closed_at for one in closings(closed)] == [CLOSED]


def test_only_a_held_lecture_is_closed_by_its_staff(scene: Scene, make: Any) -> None:
    planned = make.lecture(scene.series)
    with pytest.raises(Refused):
        close_attendance(planned.id, by=scene.by, at=CLOSED)
    stranger = make.actor(scene.people["Ada"])
    with pytest.raises(Forbidden):
        close_attendance(scene.lecture.id, by=stranger, at=CLOSED)
    with pytest.raises(Forbidden):
        reopen_attendance(scene.lecture.id, reason="no", by=stranger, at=CLOSED)
    with pytest.raises(NotFound):
        close_attendance(999_999, by=scene.by, at=CLOSED)
    assert closings(scene) == []


def test_a_closed_lecture_takes_no_report(closed: Scene) -> None:
    before = closed.counts()
    with pytest.raises(
        Refused, match=r"Lin Yuhan closed the attendance of this lecture on 4 November 2026, 09:30 \(UTC\).*reopen"
    ):
        closed.publish(("cyr@x.example", 0, 90))
    assert closed.counts() == before


def test_a_report_staged_before_the_closing_is_not_published_after_it(scene: Scene) -> None:
    text = f"email,joined_at,left_at\ncyr@x.example,{START.isoformat()},{END.isoformat()}\n"
    staged = stage_attendance(scene.lecture.id, text.encode(), file_name="report.csv", by=scene.by)
    close_attendance(scene.lecture.id, by=scene.by, at=CLOSED)
    with pytest.raises(Refused, match="closed the attendance"):
        publish_attendance(staged, by=scene.by, at=CLOSED)
    assert scene.counts() == (0, 0, 0)


def test_a_closed_lecture_takes_no_correction(closed: Scene) -> None:
    with pytest.raises(Refused, match="closed the attendance"):
        correct(
            closed.lecture.id, closed.people["Cyr"].public_id, outcome=Outcome.EXCUSED, reason="ill", by=closed.by,
            at=CLOSED,
        )  # fmt: skip
    assert closed.row("Cyr").outcome is Outcome.ABSENT


def test_times_of_a_closed_lecture_are_not_corrected(closed: Scene) -> None:
    with pytest.raises(Refused, match="closed the attendance"):
        correct_times(closed.lecture.id, started_at=START, ended_at=minute(30), by=closed.by, at=CLOSED)
    assert db.session.get_one(Lecture, closed.lecture.id, populate_existing=True).actual_end == END


def test_a_closed_lecture_is_not_live_again(closed: Scene) -> None:
    with pytest.raises(Refused, match="closed the attendance"):
        reopen_lecture(closed.lecture.id, by=closed.by, at=CLOSED)
    assert db.session.get_one(Lecture, closed.lecture.id, populate_existing=True).state is LectureState.HELD
    assert closed.credit("Ada") is not None


def test_the_start_of_a_closed_lecture_is_not_undone(closed: Scene) -> None:
    with pytest.raises(Refused, match="closed the attendance"):
        undo_start(closed.lecture.id, by=closed.by, at=CLOSED)
    assert db.session.get_one(Lecture, closed.lecture.id, populate_existing=True).state is LectureState.HELD
    assert closed.credit("Ada") is not None


def test_nothing_is_counted_anew_while_closed_but_who_people_are(closed: Scene) -> None:
    unseen_evidence(closed, "Cyr")
    assert credit_lecture(closed.lecture.id, by=SYSTEM, at=CLOSED) == 0
    assert closed.credit("Cyr") is None
    ada, ben = closed.people["Ada"], closed.people["Ben"]
    merge_people(ada.public_id, ben.public_id, reason="The same person", by=closed.make.administrator(), at=CLOSED)
    assert closed.credit("Ben") is None
    assert closed.credit("Ada").present_ms == 80 * 60_000  # type: ignore[union-attr]


def test_reopening_needs_a_reason_and_counts_anew(closed: Scene) -> None:
    unseen_evidence(closed, "Cyr")
    later = CLOSED + timedelta(days=3)
    with pytest.raises(Invalid):
        reopen_attendance(closed.lecture.id, reason=" \u200b", by=closed.by, at=later)
    assert [one.reopened_at for one in closings(closed)] == [None]
    reopen_attendance(closed.lecture.id, reason="A report came late.", by=closed.by, at=later)
    (closing,) = closings(closed)
    assert (closing.reopened_at, closing.reopened_by, closing.reason) == (
        later, closed.teacher.id, "A report came late."
    )  # fmt: skip
    assert closed.credit("Cyr").outcome is Outcome.ATTENDED  # type: ignore[union-attr]
    assert closed.publish(("ben@x.example", 30, 90)).created == 1
    close_attendance(closed.lecture.id, by=closed.by, at=later + timedelta(days=1))
    assert [one.reopened_at for one in closings(closed)] == [later, None]


def test_what_is_open_is_not_reopened(scene: Scene) -> None:
    reopen_attendance(scene.lecture.id, reason="again", by=scene.by, at=CLOSED)
    assert closings(scene) == []
