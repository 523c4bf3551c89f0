"""Two who decide at once, and a decision beside an import: threads with connections of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import Resolution, UnmatchedAttendee
from lms.attendance_imports.actions import resolution
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.resolution import resolve_attendee
from lms.attendance_imports.actions.staging import stage_attendance
from lms.attendance_imports.queries.review import review_page
from lms.attendance_imports.queries.unmatched import lectures_told_of
from lms.core.background import jobs
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.people.actions.persons import create_person
from tests.at_once import at_once, ends_at_once
from tests.attendance.scene import END, START, Scene, minute

pytestmark = pytest.mark.databases(differs=True)


def prepared(app: APIFlask, make: Any) -> tuple[Scene, int, dict[str, str]]:
    """A lecture in which one phone was seen; with its unmatched attendee and the people's public ids."""
    with app.app_context():
        scene = Scene(make)
        bring(scene, scene.lecture.id, 0, 60)
        attendee_id = review_page(scene.lecture.id, by=scene.by).items[0].id
        people = {name: person.public_id for name, person in scene.people.items()}
        scene.lecture_id, scene.series_id = scene.lecture.id, scene.series.id  # type: ignore[attr-defined]
        db.session.expunge_all()
    return scene, attendee_id, people


def bring(scene: Scene, lecture_id: int, first: int, last: int, email: str = "phone@x.example") -> None:
    text = f"email,joined_at,left_at\n{email},{minute(first).isoformat()},{minute(last).isoformat()}\n"
    staged = stage_attendance(lecture_id, text.encode(), file_name="r.csv", by=scene.by)
    publish_attendance(staged, by=scene.by, at=END)


def test_of_two_who_decide_at_once_one_is_told_what_the_other_decided(app: APIFlask, make: Any) -> None:
    scene, attendee_id, people = prepared(app, make)
    lecture_id: int = scene.lecture_id  # type: ignore[attr-defined]

    def decide(name: str) -> Callable[[], object]:
        given = {"person": people[name], "version": 0, "by": scene.by, "at": END}
        return lambda: resolve_attendee(lecture_id, attendee_id, **given)

    ends = at_once(app, [decide("Ada"), decide("Ben"), decide("Cyr")] * 2)
    failures = [end for end in ends if end is not None]
    assert {type(failure) for failure in failures} == {Refused}
    assert len(failures) in (4, 5)  # the winner's own second sending is no failure
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Resolution)) == 1
        row = db.session.get_one(UnmatchedAttendee, attendee_id)
        credits = db.session.scalars(select(Credit.person_id)).all()
        assert credits == [row.person_id]


def test_a_decision_beside_imports_of_other_lectures_counts_all_of_them(
    app: APIFlask, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(attendee_ids: Any) -> set[int]:
        lecture_ids = lectures_told_of(attendee_ids)
        time.sleep(0.5)  # whoever does not wait is done meanwhile
        return lecture_ids

    monkeypatch.setattr(resolution, "lectures_told_of", slowly)
    scene, attendee_id, people = prepared(app, make)
    with app.app_context():
        others = [
            make.lecture(scene.series, state="held", actual_start=START, actual_end=END, starts_at=START).id
            for _n in range(4)
        ]
        db.session.expunge_all()
    lecture_id: int = scene.lecture_id  # type: ignore[attr-defined]
    given = {"person": people["Ada"], "version": 0, "by": scene.by, "at": END}
    acts: list[Callable[[], object]] = [lambda: resolve_attendee(lecture_id, attendee_id, **given)]
    acts += [lambda other=other: bring(scene, other, 0, 80) for other in others]  # type: ignore[misc]
    assert ends_at_once(app, acts) == ["done"] * len(acts)
    with app.app_context():
        credited = dict(db.session.execute(select(Credit.lecture_id, Credit.present_ms)).all())
        assert credited == {lecture_id: 60 * 60_000, **dict.fromkeys(others, 80 * 60_000)}


def test_an_address_that_becomes_known_beside_an_import_misses_nothing(app: APIFlask, make: Any) -> None:
    scene, _one, _people = prepared(app, make)
    lecture_id: int = scene.lecture_id  # type: ignore[attr-defined]
    emails = [f"new{n}@x.example" for n in range(4)]

    def known(email: str) -> Callable[[], object]:
        return lambda: create_person(full_name=email, email=email, country_code="KE", by=SYSTEM, at=END)

    acts: list[Callable[[], object]] = [known(email) for email in emails]
    acts += [lambda email=email: bring(scene, lecture_id, 0, 70, email) for email in emails]  # type: ignore[misc]
    assert ends_at_once(app, acts) == ["done"] * len(acts)
    with app.app_context():
        jobs.run_due()
        assert db.session.scalar(select(func.count()).select_from(Credit)) == 4
        assert [one.email for one in review_page(lecture_id, by=scene.by).items] == ["phone@x.example"]
