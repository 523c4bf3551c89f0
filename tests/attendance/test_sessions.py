"""Which held lectures count as sessions: by themselves, or once their staff confirm them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lms.attendance.actions.corrections import correct
from lms.attendance.models.credits import Outcome
from lms.attendance.queries.roster import roster_totals
from lms.attendance.queries.sessions import needs_confirmation, unconfirmed_lectures
from lms.catalogue.actions.states import (
    confirm_held,
    correct_times,
    hold_lecture,
    reopen_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import list_changes
from lms.certificates.queries.certificates import counted_lectures
from lms.core.background import jobs
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.reports import recount
from lms.reports.queries.figures import count
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.attendance.scene import END, START, Scene, minute
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
LATER = END + timedelta(days=2)


@pytest.fixture
def scene(make: Make, context: None) -> Scene:
    return Scene(make)


def held(scene: Scene, end: datetime = END) -> int:
    """The scene's lecture, held as its staff enter it, until `end`."""
    undo_start(scene.lecture.id, by=scene.by, at=END)
    hold_lecture(scene.lecture.id, started_at=START, ended_at=end, by=scene.by, at=END)
    jobs.run_due()
    return scene.lecture.id


def figures() -> tuple[int, int]:
    """Sessions and attendances in the totals, which must be those of the second count."""
    rows = RecountRows("Asia/Shanghai")
    assert recount.differences(rows, Slice(), (), LATER) == []
    assert recount.differences(rows, Slice(), ("country", "year"), LATER) == []
    assert recount.facts_differences(rows) == []
    waiting = [lecture.id for lecture in unconfirmed_lectures(by=SYSTEM)]
    assert waiting == sorted(rows.held.keys() - rows.sessions)
    totals = count(Slice(), (), by=SYSTEM, at=LATER).totals
    return totals.sessions, totals.attendances


def test_a_lecture_in_which_nobody_was_present_is_confirmed_first(scene: Scene) -> None:
    lecture_id = held(scene)
    assert figures() == (0, 0)
    assert [one.id for one in unconfirmed_lectures(by=SYSTEM)] == [lecture_id]
    confirmed = confirm_held(lecture_id, by=scene.by, at=LATER)
    assert (confirmed.confirmed_at, figures()) == (LATER, (1, 0))
    assert confirm_held(lecture_id, by=scene.by, at=LATER + timedelta(days=1)).confirmed_at == LATER
    changes = [(one.what, one.at) for one in list_changes(lecture_id, by=scene.by) if one.what == "confirmed"]
    assert changes == [("confirmed", LATER)]


def test_evidence_makes_a_session_without_a_confirmation(scene: Scene) -> None:
    held(scene)
    scene.publish(("ada@x.example", 0, 80))
    assert figures() == (1, 1)
    assert unconfirmed_lectures(by=SYSTEM) == []


def test_somebody_present_for_a_part_or_set_by_hand_makes_a_session(scene: Scene) -> None:
    lecture_id = held(scene)
    scene.publish(("ada@x.example", 0, 10))
    assert figures() == (1, 0)
    ada = scene.people["Ada"].public_id
    correct(lecture_id, ada, outcome=Outcome.EXCUSED, reason="ill", by=scene.by, at=LATER)
    assert figures() == (0, 0)
    correct(lecture_id, ada, outcome=Outcome.ATTENDED, reason="seen", by=scene.by, at=LATER)
    assert figures() == (1, 1)


@pytest.mark.parametrize(("seconds", "expected"), [(299, (0, 0)), (300, (1, 1))])
def test_a_lecture_of_under_five_minutes_is_confirmed_first(
    scene: Scene, seconds: int, expected: tuple[int, int]
) -> None:
    lecture_id = held(scene, START + timedelta(seconds=seconds))
    scene.publish(("ada@x.example", 0, 80))
    assert scene.credit("Ada").outcome is Outcome.ATTENDED  # type: ignore[union-attr]
    assert figures() == expected
    confirm_held(lecture_id, by=scene.by, at=LATER)
    assert figures() == (1, 1)


def test_corrected_times_are_asked_about_again(scene: Scene) -> None:
    lecture_id = held(scene)
    scene.publish(("ada@x.example", 0, 80))
    correct_times(lecture_id, started_at=START, ended_at=minute(4), by=scene.by, at=LATER)
    jobs.run_due()
    assert figures() == (0, 0)


def test_a_confirmation_ends_with_a_reopening_and_with_an_undone_start(scene: Scene) -> None:
    lecture_id = held(scene)
    confirm_held(lecture_id, by=scene.by, at=END)
    assert reopen_lecture(lecture_id, by=scene.by, at=END).confirmed_at is None
    with pytest.raises(Refused, match="is live"):
        confirm_held(lecture_id, by=scene.by, at=END)
    undo_start(lecture_id, by=scene.by, at=END)
    start_lecture(lecture_id, started_at=START, by=scene.by, at=END)
    undo_start(lecture_id, by=scene.by, at=END)
    assert figures() == (0, 0)
    held_again = hold_lecture(lecture_id, started_at=START, ended_at=END, by=scene.by, at=END)
    assert held_again.confirmed_at is None


def test_only_staff_confirm_and_only_administrators_see_the_list(scene: Scene) -> None:
    lecture_id = held(scene)
    stranger = Actor(person_id=scene.people["Ada"].id)
    lecture = db.session.get_one(Lecture, lecture_id)
    assert (needs_confirmation(lecture, by=scene.by), needs_confirmation(lecture, by=stranger)) == (True, False)
    with pytest.raises(Forbidden):
        confirm_held(lecture_id, by=stranger, at=LATER)
    with pytest.raises(Forbidden):
        unconfirmed_lectures(by=scene.by)
    assert roster_totals(lecture_id, by=scene.by).attended == 0
    confirm_held(lecture_id, by=scene.by, at=LATER)
    assert not needs_confirmation(db.session.get_one(Lecture, lecture_id, populate_existing=True), by=scene.by)


def test_a_certificate_is_measured_by_the_lectures_that_are_in_the_totals(scene: Scene) -> None:
    lecture_id = held(scene)
    series_id = scene.lecture.series_id
    assert (figures(), counted_lectures(series_id)) == ((0, 0), [])
    confirm_held(lecture_id, by=scene.by, at=LATER)
    assert figures() == (1, 0)
    assert [lecture.id for lecture in counted_lectures(series_id)] == [lecture_id]
