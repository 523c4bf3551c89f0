"""Files are read and matched outside the transaction; large ones are taken in the background."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.attendance.models.evidence import Presence
from lms.attendance_imports.actions import imports, kept_files
from lms.attendance_imports.actions.kept_files import drop_kept, keep_file, publish_kept, request_publish
from lms.attendance_imports.actions.staging import stage_attendance
from lms.attendance_imports.readers import reading
from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Invalid, NotFound
from lms.core.database.session import db, in_action
from tests.attendance.scene import END, Scene, minute
from tests.attendance_imports.readers.test_mapping import kept_at
from tests.forms import token_in

pytestmark = pytest.mark.databases
HEAD = "email,joined_at,left_at\n"


def report(*stays: tuple[str, float, float]) -> bytes:
    lines = [f"{name}@x.example,{minute(a).isoformat()},{minute(b).isoformat()}\n" for name, a, b in stays]
    return (HEAD + "".join(lines)).encode()


TWO = report(("ada", 0, 60), ("ben", 0, 30))


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


def keep(scene: Scene, content: bytes) -> str:
    return keep_file(scene.lecture.id, content, file_name="a.csv", options={}, by=scene.by, at=END)


def test_nothing_is_read_or_matched_within_the_transaction(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    within: dict[str, list[bool]] = {"read_report": [], "match_rows": []}

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            within[name].append(in_action())
            return function(*given, **named)

        return run

    monkeypatch.setattr(reading, "read_report", watched("read_report", reading.read_report))
    monkeypatch.setattr(imports, "match_rows", watched("match_rows", imports.match_rows))
    progress: list[tuple[int, int]] = []
    publish_kept(keep(scene, TWO), skip_bad_rows=False, by=scene.by, at=END, progress=lambda *far: progress.append(far))
    assert within == {"read_report": [False], "match_rows": [False]}
    assert progress == [(0, 3), (1, 3), (2, 3)]
    assert scene.counts() == (2, 2, 1)


def test_what_came_in_meanwhile_is_looked_at_again(scene: Scene) -> None:
    staged = stage_attendance(scene.lecture.id, TWO, file_name="a.csv", by=scene.by)
    matched = imports.match_staged(staged, by=scene.by)
    scene.publish(("ada@x.example", 0, 60))
    answer = imports.publish_matched(staged, matched, by=scene.by, at=END)
    assert (answer.created, answer.unchanged) == (1, 1)
    assert scene.counts() == (2, 2, 2)


@pytest.mark.databases(differs=True)
def test_a_file_published_twice_at_once_is_taken_once(scene: Scene) -> None:
    file_id = keep(scene, TWO)
    staged = stage_attendance(scene.lecture.id, TWO, file_name="a.csv", by=scene.by)
    matched = imports.match_staged(staged, by=scene.by)
    publish_kept(file_id, skip_bad_rows=False, by=scene.by, at=END)
    with pytest.raises(NotFound):
        kept_files._publish_kept(file_id, staged, matched, by=scene.by, at=END)
    assert scene.counts() == (2, 2, 1)


def test_a_job_begun_again_says_what_came_of_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    file_id = keep(scene, TWO)
    job_id = request_publish(file_id, skip_bad_rows=False, by=scene.by, at=END).id
    assert request_publish(file_id, skip_bad_rows=False, by=scene.by, at=END).id == job_id

    def dies(*_given: Any, **_named: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "_finish", dies)
        with pytest.raises(Killed):
            jobs.run_due()
    db.session.rollback()
    assert scene.counts() == (2, 2, 1)
    jobs.run_job(job_id)
    done = db.session.get_one(Job, job_id, populate_existing=True)
    assert (done.state, done.done, done.total) == (JobState.DONE, 3, 3)
    assert done.result == {"rows": 2, "created": 2, "updated": 0, "unmatched": 0, "rejected": 0}
    assert scene.counts() == (2, 2, 1)


def test_a_file_that_was_left_fails_with_the_reason(scene: Scene) -> None:
    file_id = keep(scene, TWO)
    job_id = request_publish(file_id, skip_bad_rows=False, by=scene.by, at=END).id
    drop_kept(file_id, by=scene.by, at=END)
    jobs.run_due()
    done = db.session.get_one(Job, job_id, populate_existing=True)
    assert done.state is JobState.FAILED
    assert "has expired" in (done.error or "")
    with pytest.raises(NotFound):
        request_publish(file_id, skip_bad_rows=False, by=scene.by, at=END)


def test_bad_rows_stop_a_kept_file_before_anything_is_matched(scene: Scene) -> None:
    file_id = keep(scene, TWO + b"cyr@x.example,x,y\n")
    with pytest.raises(Invalid):
        publish_kept(file_id, skip_bad_rows=False, by=scene.by, at=END)
    assert scene.counts()[0] == 0


def test_a_large_file_becomes_a_task_on_the_page(app: APIFlask, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms.attendance_imports.views.imports.LARGE", 1)
    scene = Scene(make)
    client = app.test_client()
    make.sign_in(client, scene.teacher)
    path = f"/lectures/{scene.lecture.id}/attendance/import"

    def token(address: str) -> str:
        return token_in(client.get(address).text)

    sent = {"csrf_token": token(path), "file": (BytesIO(TWO), "a.csv")}
    look = kept_at(client.post(path, data=sent, content_type="multipart/form-data"))
    done = client.post(look, data={"csrf_token": token(look), "step": "take"})
    assert done.location.startswith("/jobs/")
    with app.app_context():
        assert db.session.scalar(select(func.count(Presence.id))) == 0
        jobs.run_due()
        assert db.session.scalar(select(func.count(Presence.id))) == 2
    assert "New records: 2; Unmatched: 0; Rejected: 0." in client.get(done.location).text
