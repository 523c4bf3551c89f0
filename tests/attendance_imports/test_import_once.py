"""A report is read once and matched once; before it is imported, what may have changed since is looked up again."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask import current_app
from sqlalchemy import func, select

from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.times import confirm_times
from lms.attendance.models.evidence import Presence, UnmatchedAttendee
from lms.attendance.queries.times import preview_times
from lms.attendance_imports.actions import imports
from lms.attendance_imports.actions.imports import preview_attendance
from lms.attendance_imports.actions.kept_files import drop_kept, find_staged_import, keep_file, publish_kept
from lms.attendance_imports.actions.resolution import resolve_attendee
from lms.attendance_imports.actions.staging import StagedFile, stage_attendance
from lms.attendance_imports.queries import matching
from lms.attendance_imports.queries.imports import kept_row, waiting_keys
from lms.attendance_imports.queries.matching import match_again, match_rows
from lms.attendance_imports.readers import reading
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.enrolment.actions.places import withdraw
from lms.people.actions.merging import merge_people
from lms.people.actions.persons import change_profile
from tests.attendance.scene import END, START, Scene, minute
from tests.forms import token_in

HEAD = "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest"


def zoom(*people: tuple[str, str]) -> bytes:
    lines = [f"{name},{email},2026-11-04 06:00:00,2026-11-04 07:00:00,60,Yes" for name, email in people]
    return "\n".join([HEAD, *lines, ""]).encode()


REPORT = zoom(("Ada", "ada@x.example"), ("Ben", ""), ("New Name", ""), ("Nobody", "new@x.example"))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often a file was read in the child process, rows were matched, and names were compared."""
    counted: dict[str, int] = {}

    def count(owner: Any, name: str) -> None:
        function, counted[name] = getattr(owner, name), 0

        def run(*given: Any, **named: Any) -> Any:
            counted[name] += 1
            return function(*given, **named)

        monkeypatch.setattr(owner, name, run)

    count(reading, "read_foreign")
    count(imports, "match_rows")
    count(matching, "_by_name")
    return counted


class Browser:
    """An instructor's browser: fills in the form of the page that it shows and counts what it asks for."""

    def __init__(self, app: APIFlask, scene: Scene) -> None:
        self.client, self.requests = app.test_client(), 0
        scene.make.sign_in(self.client, scene.teacher)

    def open(self, where: str, **form: Any) -> Any:
        self.requests += 1
        kind = "multipart/form-data" if form else None
        self.page = self.client.open(where, method="POST" if form else "GET", data=form or None, content_type=kind)
        return self.page

    def press(self, **fields: Any) -> Any:
        shown = re.search(r'<form method="post"(?: action="([^"]+)")? class="stack"', self.page.text)
        token = token_in(self.page.text)
        assert shown is not None
        return self.open(unescape(shown[1] or self.page.request.path), csrf_token=token, **fields)


def test_upload_preview_and_import_take_three_requests(app: APIFlask, make: Any, calls: dict[str, int]) -> None:
    scene = Scene(make)
    browser = Browser(app, scene)
    browser.open(f"/lectures/{scene.lecture.id}/attendance/import")
    preview = browser.press(file=(io.BytesIO(REPORT), "zoom.csv"), time_zone="UTC")
    assert (preview.status_code, "4 of 4 rows can be imported" in preview.text) == (200, True)
    assert "2 unmatched rows" in preview.text
    done = browser.press(step="take")
    assert done.location == f"/lectures/{scene.lecture.id}/attendance/review"
    assert browser.requests == 3
    assert calls == {"read_foreign": 1, "match_rows": 1, "_by_name": 3}
    with app.app_context():
        assert db.session.scalar(select(func.count(Presence.id))) == 4


def test_a_question_takes_one_request_and_one_reading_more(app: APIFlask, make: Any, calls: dict[str, int]) -> None:
    scene = Scene(make)
    browser = Browser(app, scene)
    browser.open(f"/lectures/{scene.lecture.id}/attendance/import")
    question = browser.press(file=(io.BytesIO(REPORT), "zoom.csv"))
    assert (question.status_code, 'name="time_zone"' in question.text) == (422, True)
    likely, _all = re.findall(r"<optgroup[^>]*>(.*?)</optgroup>", question.text, re.DOTALL)
    words = re.findall(r">([^<]+)</option>", likely)
    assert words == ["Kenya, Nairobi (UTC+3)", "China, Beijing (UTC+8)", "UTC"], "as on every form"
    preview = browser.press(step="answer", time_zone="UTC")
    assert (preview.status_code, "4 of 4 rows can be imported" in preview.text) == (200, True)
    assert browser.press(step="take").status_code == 302
    assert browser.requests == 4
    zones_tried = 3  # the likely ones, for the one in which the report fits its lecture
    assert calls == {"read_foreign": 2 + zones_tried, "match_rows": 1, "_by_name": 3}


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


def upload(scene: Scene, content: bytes = REPORT, **options: Any) -> str:
    """Uploads a file as the page does; returns its public id."""
    options = {"time_zone": "UTC", **options}
    staged = stage_attendance(scene.lecture.id, content, file_name="zoom.csv", by=scene.by, **options)
    staged_file = StagedFile(options, staged, preview_attendance(staged, by=scene.by).names)
    return keep_file(
        scene.lecture.id, content, file_name="zoom.csv", options=options, staged_file=staged_file, by=scene.by, at=END
    )


def _enrol(scene: Scene, name: str) -> None:
    scene.make.enrolment(scene.series, scene.make.person(name))


def _merge(scene: Scene) -> None:
    twin = scene.make.person("Twin", email="new@x.example")
    merge_people(
        scene.people["Cyr"].public_id, twin.public_id, reason="The same person", by=scene.make.administrator(), at=END
    )


def _decide(scene: Scene) -> None:
    publish_kept(upload(scene, zoom(("New Name", ""))), skip_bad_rows=False, by=scene.by, at=END)
    attendee = db.session.scalars(select(UnmatchedAttendee)).one()
    cyr = scene.people["Cyr"].public_id
    resolve_attendee(scene.lecture.id, attendee.id, person=cyr, version=0, by=scene.by, at=END)


def _withdraw(scene: Scene) -> None:
    scene.make.lecture(scene.series, "Next", starts_at=END + timedelta(days=7))  # until then people can withdraw
    withdraw(scene.series.id, scene.people["Ben"].id, by=SYSTEM, at=START - timedelta(days=1))


CHANGES: dict[str, tuple[Callable[[Scene], object], dict[str, str | None]]] = {
    "nothing": (lambda scene: None, {"Ada": "Ada", "Ben": "Ben", "New Name": None, "Nobody": None}),
    "an address becomes known": (
        lambda scene: scene.make.person("Somebody", email="new@x.example"),
        {"Ada": "Ada", "Ben": "Ben", "New Name": None, "Nobody": "Somebody"},
    ),
    "somebody of the same name is enrolled": (
        lambda scene: _enrol(scene, "Ben"),
        {"Ada": "Ada", "Ben": None, "New Name": None, "Nobody": None},
    ),
    "a name is enrolled": (
        lambda scene: _enrol(scene, "New Name"),
        {"Ada": "Ada", "Ben": "Ben", "New Name": "New Name", "Nobody": None},
    ),
    "somebody leaves before the lecture": (
        _withdraw,
        {"Ada": "Ada", "Ben": None, "New Name": None, "Nobody": None},
    ),
    "somebody has another name": (
        lambda scene: change_profile(
            scene.people["Cyr"].public_id, {"full_name": "New Name"}, by=scene.make.administrator(), at=END
        ),
        {"Ada": "Ada", "Ben": "Ben", "New Name": "New Name", "Nobody": None},
    ),
    "two are one": (_merge, {"Ada": "Ada", "Ben": "Ben", "New Name": None, "Nobody": "Cyr"}),
    "an attendee is identified": (_decide, {"Ada": "Ada", "Ben": "Ben", "New Name": "Cyr", "Nobody": None}),
}


@pytest.mark.databases
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_after_the_preview_is_seen_at_the_import(scene: Scene, change: str) -> None:
    work, expected = CHANGES[change]
    file_id = upload(scene)
    work(scene)
    db.session.rollback()
    staged_file = find_staged_import(kept_row(file_id, by=scene.by), by=scene.by)
    assert staged_file.staged is not None
    assert staged_file.names is not None
    rows = staged_file.staged.rows
    again, fresh = match_again(scene.lecture, rows, staged_file.names).rows, match_rows(scene.lecture, rows).rows
    names = {person.id: person.full_name for person in db.session.scalars(select(matching.Person))}
    assert {row.name: names.get(one.person) for row, one in zip(rows, again, strict=True)} == expected
    compared = [[(one.key, one.person, one.how, one.attendee) for one in matches] for matches in (again, fresh)]
    assert compared[0] == compared[1]


def test_names_that_did_not_change_are_not_compared_again(scene: Scene, calls: dict[str, int]) -> None:
    file_id = upload(scene)
    scene.make.person("Somebody", email="new@x.example")
    before = dict(calls)
    answer = publish_kept(file_id, skip_bad_rows=False, by=scene.by, at=END)
    assert (answer.created, len(answer.unmatched)) == (3, 1)
    assert calls == before


def test_a_lecture_with_other_times_is_read_for_again(scene: Scene, calls: dict[str, int]) -> None:
    sums = b"Name (Original Name),User Email,Total Duration (Minutes)\nAda,ada@x.example,30\n"
    file_id = upload(scene, sums)
    times = (minute(20), minute(80))
    key = preview_times(scene.lecture.id, *times, by=scene.by, at=END).key
    confirm_times(scene.lecture.id, started_at=times[0], ended_at=times[1], key=key, by=scene.by, at=END)
    publish_kept(file_id, skip_bad_rows=False, by=scene.by, at=END)
    assert calls["read_foreign"] == 2
    placed = db.session.scalars(select(Presence)).one()
    assert placed.joined_ms == round(minute(20).timestamp() * 1000)


def test_closed_attendance_refuses_what_was_previewed_before(scene: Scene) -> None:
    file_id = upload(scene)
    close_attendance(scene.lecture.id, by=scene.by, at=END + timedelta(days=1))
    with pytest.raises(Refused):
        publish_kept(file_id, skip_bad_rows=False, by=scene.by, at=END + timedelta(days=1))
    assert scene.counts()[0] == 0


def test_what_was_found_is_as_it_was_read_and_goes_with_the_file(scene: Scene) -> None:
    plain = b"email,joined_at,left_at,Shoe\nada@x.example,2026-11-04 06:00,2026-11-04 07:00,42\nben@x.example,x,y,1\n"
    folder = Path(current_app.extensions["lms.config"].folder) / "files" / "attendance"
    read = stage_attendance(scene.lecture.id, plain, file_name="zoom.csv", time_zone="UTC", by=scene.by)
    ids = [upload(scene, plain) for _turn in range(3)]
    staged_file = find_staged_import(kept_row(ids[0], by=scene.by), by=scene.by)
    assert staged_file.staged == read

    def left() -> list[int]:
        return [len(list(folder.glob(f"{one}*"))) for one in ids]

    assert left() == [2, 2, 2]
    publish_kept(ids[0], skip_bad_rows=True, by=scene.by, at=END)
    drop_kept(ids[1], by=scene.by, at=END)
    assert left() == [0, 0, 2]
    keep_file(scene.lecture.id, plain, file_name="a.csv", options={}, by=scene.by, at=END + timedelta(days=2))
    assert left() == [0, 0, 0]


def test_the_check_of_files_knows_what_was_found_in_a_kept_file(scene: Scene) -> None:
    file_id = upload(scene)
    assert {f"attendance/{file_id}", f"attendance/{file_id}.json"} <= waiting_keys()
