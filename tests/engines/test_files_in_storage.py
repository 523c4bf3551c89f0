"""Slices with their files in object storage: some of their tests, once more, and whole journeys of a file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.app import create_app
from lms.certificates.verification.file_verification import VerdictState, verdict_of_file
from lms.config import BadSetting, Config
from lms.core.background import leases
from lms.core.base import engines
from lms.core.base.errors import Refused
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.file_store import FileStore
from lms.core.storage.folder_files import FolderFiles
from lms.core.storage.s3_files import S3Files
from lms.core.time import clock
from lms.operations import file_moving
from lms.operations.backup import take_backup
from lms.operations.checks.model import CheckContext, Level
from lms.operations.checks.stored_files import check_files, check_storage
from lms.operations.file_moving import MARK, FilesMoved, copy_files
from lms.operations.machines import STORAGE_MARK
from lms.operations.restore import restore
from lms.streaming import packager, session_runs
from lms.streaming.actions import end_streams, stop_streaming
from lms.streaming.addresses import media_address
from lms.streaming.models import StreamState
from lms.streaming.queries import get_session
from tests.certificates.conftest import administrator, programme
from tests.certificates.test_bundles import issued, test_a_zip_holds_every_signed_file
from tests.engines.s3 import ACCESS_KEY, SECRET_KEY, Storage
from tests.faults.forks import Forked
from tests.materials.test_resumable_uploads import (
    _no_files,
    ines,
    lecture,
    slides,
    staff,
    test_a_file_in_pieces_is_saved_like_one_in_a_request,
    test_of_two_pieces_at_once_one_is_added,
    test_what_is_no_file_of_its_name_is_refused_and_forgotten,
)
from tests.operations.conftest import NAMES, NOW, Installation, install
from tests.reports.conftest import world
from tests.reports.test_exports import attended, test_from_the_page_to_the_file, test_people_as_lines
from tests.streaming.media import chunks_of, webm
from tests.streaming.test_packager import Studio, studio
from tests.waiting import LONGEST, until

__all__ = [
    "_no_files",
    "administrator",
    "attended",
    "ines",
    "issued",
    "lecture",
    "programme",
    "slides",
    "staff",
    "studio",
    "test_a_file_in_pieces_is_saved_like_one_in_a_request",
    "test_a_zip_holds_every_signed_file",
    "test_from_the_page_to_the_file",
    "test_of_two_pieces_at_once_one_is_added",
    "test_people_as_lines",
    "test_what_is_no_file_of_its_name_is_refused_and_forgotten",
    "world",
]

pytestmark = pytest.mark.xdist_group("storage")


@pytest.fixture(autouse=True)
def store(app: APIFlask, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Files:
    """The application's files are in object storage, and none in its folder."""
    in_storage = storage.store(tmp_path / "temporary")
    monkeypatch.setitem(app.extensions, files._KEY, in_storage)
    return in_storage


# A lecture from the browser


def is_packaged(session_id: str) -> bool:
    db.session.rollback()
    return get_session(session_id).packaged_at is not None


@pytest.mark.usefixtures("context")
def test_a_lecture_is_packaged_and_its_replay_is_played(studio: Studio, client: FlaskClient, store: S3Files) -> None:
    studio.send(studio.begin(), list(chunks_of(webm(2), 2)))
    end_streams(studio.lecture.id, at=clock.now())
    studio.package()
    stream = studio.stream()
    assert stream.state is StreamState.COMPLETE
    assert studio.seconds("v", studio.epochs()[0]) == pytest.approx(2, abs=0.15)
    folder = f"recordings/{stream.public_id}"
    assert stream.byte_count == sum(file.size for file in store.listed(folder))
    address = media_address(studio.lecture.id, stream.public_id, at=clock.now()).removesuffix("/")
    db.session.remove()
    playlist = client.get(f"{address}/v_full.m3u8")
    assert playlist.text.splitlines()[-1] == "#EXT-X-ENDLIST"
    segment = client.get(f"{address}/1/v00000.m4s")
    assert segment.data == store.find(f"{folder}/1/v00000.m4s")
    assert segment.headers["Cache-Control"] == "public, max-age=31536000, s-maxage=300, immutable"


@pytest.mark.usefixtures("context")
def test_another_packager_continues_a_stream_whose_lease_was_lost(
    app: APIFlask, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first stops without closing its epoch, as if it were killed; the second has a data folder of its own."""
    monkeypatch.setattr(session_runs, "IDLE_SECONDS", 60)
    session_id = studio.begin()
    chunks = chunks_of(webm(), 4)
    studio.send(session_id, list(chunks[:3]))
    lease = f"stream/{studio.stream().id}"
    assert leases.acquire(lease, "killed", 60)
    first = studio.packager()
    first._is_ours = lambda: not any(epoch.length_ms >= 1000 for epoch in studio.epochs())
    first.run()
    (epoch,) = studio.epochs()
    assert epoch.is_open

    folder, stopping = tmp_path / "second", threading.Event()
    folder.mkdir(parents=True)
    monkeypatch.setattr(app.extensions["lms.config"], "folder", folder)
    second = threading.Thread(target=packager.run_packager, args=(app, stopping), daemon=True)
    second.start()
    time.sleep(3 * packager.POLL_SECONDS)
    assert [epoch.is_open for epoch in studio.epochs()] == [True], "the lease is still held"
    leases.release(lease, "killed")
    studio.send(session_id, list(chunks[3:]), first=3)
    stop_streaming(session_id, chunk_count=4, at=clock.now())
    until(lambda: is_packaged(session_id))
    stopping.set()
    second.join(LONGEST)
    epochs = studio.epochs()
    assert len(epochs) >= 2
    assert sum(studio.seconds("v", epoch) for epoch in epochs) == pytest.approx(4, abs=0.3)
    assert leases.list_leases() == {}
    assert list((folder / "packager").iterdir()) == []


@pytest.mark.long
def test_a_packager_killed_during_a_lecture_is_replaced_by_that_of_another_machine(
    app: APIFlask, studio: Studio, storage: Storage, store: S3Files, tmp_path: Path
) -> None:
    """Two processes with data folders of their own; only the database and the storage are shared."""
    config: Config = app.extensions["lms.config"]
    shared = {"LMS_FILES": store.url, "LMS_FILES_ACCESS_KEY": ACCESS_KEY, "LMS_FILES_SECRET_KEY": SECRET_KEY}
    shared |= {"LMS_DATABASE_URL": config.database, "LMS_SEGMENT_SECONDS": "1"}
    processes = {}
    with app.app_context():
        session_id = studio.begin()
        chunks = chunks_of(webm(12), 24)
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            environment = {**config.environment(), **shared, "LMS_DATA": str(tmp_path / name)}
            processes[name] = Forked("packager", environment=environment)
        try:
            studio.send(session_id, list(chunks[:8]))
            until(lambda: any(epoch.length_ms >= 2000 for epoch in studio.epochs()))
            holder, _until = leases.list_leases()[f"stream/{studio.stream().id}"]
            killed = next(name for name in processes if (tmp_path / name / "packager" / holder).exists())
            os.kill(processes[killed].pid, signal.SIGKILL)
            studio.send(session_id, list(chunks[8:]), first=8)
            stop_streaming(session_id, chunk_count=24, at=clock.now())
            until(lambda: is_packaged(session_id))
        finally:
            for process in processes.values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
                process.wait()
        epochs = studio.epochs()
        assert len(epochs) >= 2
        assert sum(studio.seconds("v", epoch) for epoch in epochs) == pytest.approx(12, abs=0.5)
        assert sum(studio.seconds("a", epoch) for epoch in epochs) == pytest.approx(12, abs=0.5)


# A whole installation


@pytest.fixture(scope="module")
def installation(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Certificates whose files are in object storage."""
    made = install(site(tmp_path_factory.mktemp("installation") / "data", storage, "installation"))
    yield made
    made.close()


def site(folder: Path, storage: Storage, prefix: str) -> Config:
    return Config.load({}, data=str(folder), base_url="http://localhost", log_level="ERROR", **storage.settings(prefix))


def levels(installation: Installation) -> list[Level]:
    context = CheckContext(installation.config, NOW)
    return installation.within(lambda: [row.level for row in (*check_storage(context), *check_files(context))])


def silent(_line: str) -> None:
    """Reports no progress."""


@pytest.mark.present
def test_an_installation_is_backed_up_and_restored_into_other_storage(
    installation: Installation, storage: Storage, tmp_path: Path
) -> None:
    config = installation.config
    assert not (config.folder / "files").exists()
    assert levels(installation) == [Level.OK, Level.OK]
    first = installation.within(lambda: take_backup(tmp_path / "first", config, tell=silent, at=NOW))
    assert sum(path.startswith("files/certificates/") for path in first.manifest.files) == len(NAMES)
    later = clock.now() + timedelta(hours=1)
    again = installation.within(lambda: take_backup(tmp_path / "again", config, tell=silent, at=later))
    assert again.linked == 0
    since = tmp_path / "again"
    linked = installation.within(
        lambda: take_backup(tmp_path / "linked", config, since=since, tell=silent, at=later + timedelta(hours=1))
    )
    assert (linked.linked, linked.damaged) == (len(NAMES), [])

    with pytest.raises(Refused, match="not empty"):
        restore(since, site(tmp_path / "refused", storage, "installation"), create_app, tell=silent, at=NOW)
    target = site(tmp_path / "restored", storage, "restored")
    restore(since, target, create_app, tell=silent, at=NOW)
    restored = Installation(target, create_app(target))
    assert levels(restored) == [Level.OK, Level.OK]

    def verdicts() -> list[VerdictState]:
        pdfs = [files.find(file.key) or b"" for file in files.all_files("certificates")]
        return [verdict_of_file(pdf).state for pdf in pdfs]

    assert restored.within(verdicts) == [VerdictState.VALID] * len(NAMES)
    restored.close()


def test_a_backup_without_files_leaves_them_where_they_are(
    installation: Installation, storage: Storage, tmp_path: Path
) -> None:
    config = installation.config
    take = lambda: take_backup(tmp_path / "backup", config, with_files=False, tell=silent, at=NOW)  # noqa: E731
    assert not any(path.startswith("files/") for path in installation.within(take).manifest.files)
    target = site(tmp_path / "restored", storage, "installation")
    restore(tmp_path / "backup", target, create_app, tell=silent, at=NOW)
    restored = Installation(target, create_app(target))
    assert levels(restored) == [Level.OK, Level.OK]
    restored.close()


def test_missing_files_and_storage_that_is_away_are_reported(installation: Installation, tmp_path: Path) -> None:
    key = installation.within(lambda: next(file.key for file in files.all_files("certificates")))
    content = installation.within(lambda: files.find(key) or b"")
    installation.within(lambda: files.store("materials/0-unused", b"x"))
    assert levels(installation) == [Level.OK, Level.WARNING]
    installation.within(lambda: files.delete("materials/0-unused"))
    assert content

    away = Config.load({}, data=str(tmp_path), secret_key="x", files="s3://serai?endpoint=http://127.0.0.1:9")
    app = create_app(away)
    with app.app_context():
        assert [row.level for row in check_storage(CheckContext(away, NOW))] == [Level.FAULT]
        assert engines.names_of_those_away() == ["storage"]
        began = time.monotonic()
        with pytest.raises(files.StorageAway):
            files.find("materials/a")
        assert time.monotonic() - began < 0.5, "nobody waits for storage that is known to be away"
    answer = app.test_client().get("/readyz")
    assert answer.status_code in {200, 503}


def test_settings_name_no_secret() -> None:
    address = "s3://bucket/prefix?endpoint=https://storage.example&region=eu"
    assert Config.load({}, files=address).files == address
    for wrong in (
        "s3://key:secret@bucket",
        "s3://",
        "https://bucket",
        "s3://bucket?endpoint=storage",
        "s3://bucket?secret=x",
    ):
        with pytest.raises(BadSetting):
            Config.load({}, files=wrong)


def test_without_the_library_the_site_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "find_spec", lambda _name: None)
    with pytest.raises(BadSetting, match=r"requirements-extras.txt"):
        create_app(Config.load({}, data=str(tmp_path), secret_key="x", files="s3://bucket"))
    create_app(Config.load({}, data=str(tmp_path), secret_key="x"))


# Moving files


@pytest.fixture
def folder(tmp_path: Path) -> FolderFiles:
    return FolderFiles(tmp_path / "files")


def contents(store: FileStore) -> dict[str, bytes]:
    return {file.key: store.find(file.key) or b"" for file in store.listed("") if not file.key.startswith("identity/")}


def moved(source: FileStore, target: FileStore, *, is_used: bool = False) -> FilesMoved:
    return copy_files(source, target, name="there", is_target_used=is_used, tell=silent, at=clock.now())


@pytest.mark.present
def test_files_move_while_the_site_runs(folder: FolderFiles, store: S3Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        folder.put(f"certificates/{number}.pdf", b"%d" % number)
    folder.append("staged/uploads/1/unfinished", b"x", offset=0)
    folder.put("exports/old.csv", b"old")

    put = S3Files._put
    attempts = 0

    def interrupted(*arguments: object, **options: object) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 4:  # the mark and two files are there
            raise files.StorageAway("gone")
        put(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(S3Files, "_put", interrupted)
    with pytest.raises(files.StorageAway):
        moved(folder, store)
    monkeypatch.setattr(S3Files, "_put", put)
    assert len(contents(store)) == 2
    first = moved(folder, store)
    assert (first.copied, first.differing) == (4, [])
    assert set(contents(store)) == {*(f"certificates/{number}.pdf" for number in range(5)), "exports/old.csv"}
    folder.delete("exports/old.csv")
    assert moved(folder, store).deleted == 1

    # Until all processes are restarted, some use the folder and some the storage
    time.sleep(1.1)  # object storage states times in seconds
    folder.put("materials/late", b"late")
    folder.delete("certificates/0.pdf")
    store.put("materials/new", b"new")
    store.delete("certificates/1.pdf")
    store.put("certificates/2.pdf", b"changed")
    monkeypatch.setattr(file_moving, "CLOCKS_DIFFER", timedelta(0))
    again = moved(folder, store, is_used=True)
    assert (again.copied, again.deleted, again.differing) == (1, 1, [])
    assert contents(store) == {
        "certificates/2.pdf": b"changed",
        "certificates/3.pdf": b"3",
        "certificates/4.pdf": b"4",
        "materials/late": b"late",
        "materials/new": b"new",
    }


def test_files_that_differ_after_copying_are_reported(
    folder: FolderFiles, store: S3Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put("materials/a", b"whole")
    monkeypatch.setattr(S3Files, "writing", lambda store, key: FolderFiles(folder.folder.parent).writing("elsewhere"))
    result = moved(folder, store)
    assert result.differing == ["materials/a"]
    assert json.loads(store.find(MARK) or b"")["is_complete"] is False


def test_files_move_back_to_the_folder(folder: FolderFiles, store: S3Files) -> None:
    store.put("materials/a", b"x")
    assert moved(store, folder).copied == 1
    assert contents(folder) == {"materials/a": b"x"}


@pytest.fixture(params=["s3", "folder"])
def target(request: pytest.FixtureRequest, store: S3Files, tmp_path: Path) -> FileStore:
    return store if request.param == "s3" else FolderFiles(tmp_path / "target")


@pytest.mark.parametrize("key", ["certificates/theirs.pdf", "journal/2026/12/01.jsonl", STORAGE_MARK, "readme"])
def test_files_of_somebody_else_are_left_alone(folder: FolderFiles, target: FileStore, key: str) -> None:
    folder.put("materials/a", b"x")
    target.put(key, b"theirs")
    with pytest.raises(Refused):
        moved(folder, target)
    assert {file.key: target.find(file.key) for file in target.listed("")} == {key: b"theirs"}


def test_a_copy_of_another_installation_is_left_alone(folder: FolderFiles, target: FileStore, tmp_path: Path) -> None:
    other = FolderFiles(tmp_path / "other")
    for site, number in ((folder, b"1"), (other, b"2")):
        site.put(STORAGE_MARK, number)
        site.put(f"materials/{number.decode()}", number)
    moved(other, target)
    with pytest.raises(Refused):
        moved(folder, target)
    assert contents(target) == {"materials/2": b"2"}


def test_only_files_in_our_folders_are_deleted_and_copied(folder: FolderFiles, target: FileStore) -> None:
    folder.put("materials/a", b"x")
    moved(folder, target)
    folder.delete("materials/a")
    folder.put("elsewhere/b", b"x")
    target.put("journal/2026/12/01.jsonl", b"erased")
    assert moved(folder, target).deleted == 1
    assert contents(target) == {"journal/2026/12/01.jsonl": b"erased"}


def test_a_site_that_uses_the_target_is_left_alone_from_then_on(folder: FolderFiles, target: FileStore) -> None:
    folder.put("materials/a", b"x")
    moved(folder, target)
    target.put(STORAGE_MARK, b"in use")  # by the worker of the site that was restarted
    target.put("materials/new", b"new")
    with pytest.raises(Refused):
        moved(folder, target)
    assert set(contents(target)) == {"materials/a", "materials/new"}


def test_without_a_complete_copy_a_used_target_gets_what_it_lacks(folder: FolderFiles, target: FileStore) -> None:
    for key in ("materials/a", "materials/b"):
        folder.put(key, b"of the folder")
    target.put("materials/b", b"of the site")
    result = moved(folder, target, is_used=True)
    assert (result.copied, result.deleted) == (1, 0)
    assert contents(target) == {"materials/a": b"of the folder", "materials/b": b"of the site"}


def test_a_source_that_was_deleted_since_deletes_nothing(folder: FolderFiles, target: FileStore) -> None:
    folder.put("materials/a", b"x")
    folder.put(STORAGE_MARK, b"1")
    moved(folder, target)
    shutil.rmtree(folder.folder)
    assert moved(folder, target, is_used=True).deleted == 0
    assert contents(target) == {"materials/a": b"x"}
