"""The storage is away while much is due: what needs no files is done at once, the rest once it is back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.models import Series
from lms.core.background import jobs, recurring
from lms.core.background.jobs import Job, JobState
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, after_commit, db
from lms.core.storage import file_deletions, files
from lms.core.storage.file_deletions import GRACE, FileDeletion, delete_after_commit, delete_waiting
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.messages.actions import confirm_message, save_message
from lms.messages.rules import AudienceInput, MessageInput
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import Nomination, NominationState
from lms.operations.checks.model import CheckContext, Level
from lms.operations.checks.stored_files import LATE, check_files
from lms.streaming.models import Stream
from tests.factories import Make
from tests.nominations.conftest import admin, cast, focal, kenya, row, series
from tests.recordings.recorded import held_lecture, record

__all__ = ["admin", "cast", "focal", "kenya", "series"]
pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


class AwayFiles:
    """A store that cannot be reached."""

    def __getattr__(self, _name: str) -> Any:
        raise files.StorageAway("no answer")


class Storage:
    """The storage of the application, which goes and comes back."""

    def __init__(self, app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
        self._app, self._patch, self._store = app, monkeypatch, files.current_store()

    def goes(self) -> None:
        self._patch.setitem(self._app.extensions, files._KEY, AwayFiles())

    def comes_back(self) -> None:
        self._patch.setitem(self._app.extensions, files._KEY, self._store)

    def has(self, key: str) -> bool:
        return self._store.size_of(key) is not None


@pytest.fixture
def storage(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> Storage:
    for folder in files.LASTING:  # other tests leave files without rows
        files.delete_folder(folder)
    return Storage(app, monkeypatch)


@pytest.fixture
def job() -> Iterator[None]:
    """A task that needs a file."""

    def read(_run: jobs.Run) -> dict[str, Any]:
        return {"is_there": files.has("materials/a")}

    jobs.REGISTRY["test.file"] = read
    yield
    del jobs.REGISTRY["test.file"]


@action
def ask(at: datetime) -> str:
    return jobs.request_job("test.file", {}, by=SYSTEM, at=at).public_id


def work(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker does within some seconds."""
    monkeypatch.setattr(clock, "now", lambda: at)
    for tasks in recurring.tasks_by_thread().values():
        recurring.Rounds(tasks).run_due()
    jobs.run_due(at=at)
    db.session.rollback()


@pytest.mark.usefixtures("job")
def test_what_is_due_is_done_and_files_follow_once_the_storage_is_back(
    client: FlaskClient, make: Make, series: Series, kenya: int, focal: Actor, admin: Actor, storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    now, later = clock.now(), clock.now() + timedelta(days=40)
    make.enrolment(series, make.person(email="ada@example.org"))
    message = save_message(
        series.slug, None, MessageInput(AudienceInput(), "Reading", "Dear {name},"), by=admin, at=now
    )
    confirm_message(series.slug, message, 1, by=admin, at=now)
    nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=now)
    ended = now - timedelta(days=400)
    stream = record(
        held_lecture(make, starts_at=ended, actual_start=ended - timedelta(hours=1), actual_end=ended), 20_000
    )
    stream.deletion_announced_at = now - timedelta(days=20)
    recording = f"recordings/{stream.public_id}/v.m3u8"
    db.session.commit()
    files.store(recording, b"#EXTM3U")
    task = ask(now)
    monkeypatch.setattr(make.app.extensions["lms.config"], "recordings_kept", 90)

    storage.goes()
    work(later, monkeypatch)
    assert db.session.query(OutboxMail).filter_by(template="message").count() == 1
    assert [one.state for one in db.session.query(Nomination)] == [NominationState.EXPIRED]
    assert db.session.query(Stream).count() == 0
    assert db.session.query(Job).filter_by(public_id=task).one().waits_for_storage
    make.sign_in(client, make.person("Ada", roles=["administrator"]))
    for page in (f"/jobs/{task}", "/admin/status"):
        assert "The storage of files cannot be used at the moment. The task is tried again at" in client.get(page).text
    assert storage.has(recording)

    storage.comes_back()
    work(later + 2 * jobs.PUT_OFF, monkeypatch)
    done = db.session.query(Job).filter_by(public_id=task).one()
    assert (done.state, done.error, done.result) == (JobState.DONE, None, {"is_there": False})
    assert not storage.has(recording)
    assert db.session.query(FileDeletion).count() == 0
    assert db.session.query(OutboxMail).filter_by(template="message").count() == 1


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("reason", ["too long", "damaged"])
def test_a_task_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    def fail(_run: jobs.Run) -> dict[str, Any]:
        raise files.FileDamaged("damaged") if reason == "damaged" else files.StorageAway("no answer")

    monkeypatch.setitem(jobs.REGISTRY, "test.file", fail)
    ask(clock.now())
    jobs.run_due()
    if reason == "too long":
        later = clock.now() + jobs.PATIENCE + timedelta(minutes=1)
        monkeypatch.setattr(clock, "now", lambda: later)
        jobs.run_due(at=later)
    failed = db.session.query(Job).one()
    assert (failed.state, failed.error) == (JobState.FAILED, "FileDamaged" if reason == "damaged" else "StorageAway")


# What a commit leaves to be done


def test_what_follows_a_commit_is_done_each_by_itself_and_fails_nobody() -> None:
    done: list[int] = []

    @action
    def change() -> str:
        after_commit(lambda: {}["nothing"])
        after_commit(lambda: done.append(1))
        return "saved"

    assert (change(), done) == ("saved", [1])


@action
def remove(key: str, *, is_folder: bool = False) -> None:
    delete_after_commit(key, is_folder=is_folder)


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_files_of_what_was_removed_are_deleted_at_once_or_later(
    app: APIFlask, storage: Storage, is_folder: bool
) -> None:
    key = "materials/a" if is_folder else "materials/a/1"
    files.store("materials/a/1", b"x")
    remove(key, is_folder=is_folder)
    assert not storage.has("materials/a/1")
    assert db.session.query(FileDeletion).count() == 0

    files.store("materials/a/1", b"x")
    storage.goes()
    remove(key, is_folder=is_folder)
    assert storage.has("materials/a/1")
    later = clock.now() + GRACE
    with pytest.raises(files.StorageAway):
        delete_waiting(at=later)
    storage.comes_back()
    for at, level in ((later, Level.OK), (later + LATE, Level.WARNING)):
        checked = [finding.level for finding in check_files(CheckContext(app.extensions["lms.config"], at))]
        assert checked == [level, Level.OK][level is Level.OK :], "it is not called unused"
    delete_waiting(at=later)
    assert not storage.has("materials/a/1")
    assert db.session.query(FileDeletion).count() == 0


def test_a_file_that_is_in_use_again_is_not_deleted_later(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    files.store("materials/a", b"x")
    storage.goes()
    remove("materials/a")
    storage.comes_back()
    monkeypatch.setattr(file_deletions, "publish", lambda asked: asked.needed.add("materials/a"))
    delete_waiting(at=clock.now() + GRACE)
    assert storage.has("materials/a")
    assert db.session.query(FileDeletion).count() == 0
