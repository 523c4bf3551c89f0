"""What every store of files does, in a folder and in object storage."""

from __future__ import annotations

import io
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lms.core.base.errors import NotFound
from lms.core.storage import s3_files
from lms.core.storage.file_store import FileStore, StorageAway
from lms.core.storage.folder_files import FolderFiles
from lms.core.storage.s3_files import S3Files
from tests.engines.s3 import Storage
from tests.rows import each_row

pytestmark = pytest.mark.xdist_group("storage")
LARGE = os.urandom(s3_files.BLOCK * 2 + 1000)


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return FolderFiles(tmp_path / "files")
    running: Storage = request.getfixturevalue("storage")
    return running.store(tmp_path / "temporary")


@pytest.fixture
def s3(storage: Storage, tmp_path: Path) -> S3Files:
    return storage.store(tmp_path / "temporary")


def content_of(store: FileStore, key: str) -> bytes:
    opened = store.reading(key)
    assert opened is not None
    with opened[0] as file:
        content = file.read()
    assert len(content) == opened[1]
    return content


@pytest.mark.parametrize("content", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_what_is_stored_is_read(store: FileStore, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "local"
    path.write_bytes(content)
    with store.writing("materials/a") as file:
        file.write(content[:3])
        file.write(content[3:])
    store.put_path("materials/b", path)
    store.put("materials/c", content)
    for key in ("materials/a", "materials/b", "materials/c"):
        assert content_of(store, key) == content
        assert store.find(key) == content
        assert store.size_of(key) == len(content)
        with store.local_copy(key) as copy:
            assert copy.read_bytes() == content
    assert path.read_bytes() == content
    assert {(file.key, file.size) for file in store.listed("materials")} == {
        (f"materials/{name}", len(content)) for name in "abc"
    }


def test_what_is_not_there(store: FileStore) -> None:
    assert store.reading("materials/a") is None
    assert store.find("materials/a") is None
    assert store.size_of("materials/a") is None
    assert list(store.listed("materials")) == []
    assert store.children("materials") == []
    assert store.received("staged/uploads/1/a") == 0
    store.delete("materials/a")
    store.delete_folder("materials")
    store.delete_received("staged/uploads/1/a")
    with pytest.raises(FileNotFoundError), store.local_copy("materials/a"):
        pass


def test_a_file_that_could_not_be_finished_is_not_stored(store: FileStore) -> None:
    store.put("exports/a.csv", b"before")

    def fail() -> None:
        with store.writing("exports/a.csv") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.find("exports/a.csv") == b"before"
    assert [file.key for file in store.listed("exports")] == ["exports/a.csv"]


def test_of_several_who_create_a_file_one_does(store: FileStore) -> None:
    contents = [b"%d" % number * 1000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda content: store.create("chunks/s/00000001", content), contents))
    assert sum(results) == 1
    assert store.find("chunks/s/00000001") == contents[results.index(True)]


def test_pieces_are_added_in_order_and_once(store: FileStore) -> None:
    key = "staged/uploads/7/0123"
    assert store.append(key, b"first ", offset=0) == 6
    assert store.append(key, b"first ", offset=0) == 6
    assert store.append(key, b"later", offset=100) == 6
    with ThreadPoolExecutor(4) as pool:
        sizes = set(pool.map(lambda number: store.append(key, b"piece %d" % number, offset=6), range(4)))
    assert sizes == {13}
    assert store.received(key) == 13
    with store.local_copy(key) as copy:
        assert copy.read_bytes().startswith(b"first piece ")
    store.put(f"{key}.json", b"{}")
    assert "0123.json" in dict(store.children("staged/uploads/7"))
    store.delete_received(key)
    assert store.received(key) == 0
    assert [file.key for file in store.listed("staged")] == [f"{key}.json"]


def test_a_large_file_is_read_from_any_place(store: FileStore) -> None:
    store.put("downloads/a.mp4", LARGE)
    opened = store.reading("downloads/a.mp4")
    assert opened is not None
    with opened[0] as file:
        assert file.seekable()
        file.seek(s3_files.BLOCK - 10)
        assert file.read(20) == LARGE[s3_files.BLOCK - 10 : s3_files.BLOCK + 10]
        file.seek(-5, io.SEEK_END)
        assert file.read() == LARGE[-5:]
        assert file.read() == b""
        file.seek(0)
        assert file.read() == LARGE


def test_folders_are_deleted_and_old_files_too(store: FileStore) -> None:
    for key in ("recordings/a/1/v.mp4", "recordings/a/master.m3u8", "recordings/ab/master.m3u8"):
        store.put(key, b"x")
    store.delete_folder("recordings/a")
    assert [file.key for file in store.listed("recordings")] == ["recordings/ab/master.m3u8"]
    now = datetime.now(UTC)
    assert store.delete_older("recordings", before=now - timedelta(minutes=1)) == 0
    assert store.delete_older("recordings", before=now + timedelta(minutes=1)) == 1
    assert list(store.listed("")) == []


def test_files_tell_when_they_were_written(store: FileStore) -> None:
    store.put("materials/a", b"x")
    (file,) = store.listed("")
    assert abs(file.written_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert store.children("materials") == [("a", file.written_at)]


@each_row("key", ["../a", "materials/../../a", "/etc/passwd"])
def test_no_key_leads_outside(store: FileStore, key: str) -> None:
    with pytest.raises(NotFound):
        store.find(key)


def test_a_store_can_be_sent_to_another_process(store: FileStore) -> None:
    store.put("certificates/a.pdf", b"x")
    assert pickle.loads(pickle.dumps(store)).find("certificates/a.pdf") == b"x"


# Object storage alone


def test_pieces_are_kept_as_long_as_the_newest(s3: S3Files, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.append("staged/uploads/7/0123", b"old", offset=0)
    (old,) = s3.listed("staged")
    s3.append("staged/uploads/7/0123", b"new", offset=3)
    listed = S3Files.listed

    def aged(store: S3Files, prefix: str) -> object:
        for file in listed(store, prefix):
            yield s3_files.StoredFile(
                file.key, file.size, file.written_at - timedelta(days=2 if file.key == old.key else 0)
            )

    monkeypatch.setattr(S3Files, "listed", aged)
    assert s3.delete_older("staged/uploads", before=old.written_at - timedelta(days=1)) == 0
    assert s3.delete_older("staged/uploads", before=old.written_at + timedelta(days=1)) == 2


def test_damage_is_noticed(s3: S3Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"small", LARGE):
        digest_of = s3_files._digest_of
        s3.put("materials/a", content)
        monkeypatch.setattr(s3_files, "_digest_of", lambda _attributes: "0" * 64)
        with pytest.raises(StorageAway, match="damaged"):
            s3.find("materials/a")
        with pytest.raises(StorageAway, match="damaged"), s3.local_copy("materials/a"):
            pass
        monkeypatch.setattr(s3_files, "_digest_of", digest_of)


def test_a_large_file_that_is_replaced_while_it_is_read_is_noticed(s3: S3Files) -> None:
    s3.put("materials/a", LARGE)
    opened = s3.reading("materials/a")
    assert opened is not None
    with opened[0] as file:
        file.read(10)
        s3.put("materials/a", LARGE[::-1])
        with pytest.raises(StorageAway):
            file.read()


def test_storage_that_is_away_or_refuses_is_an_error_of_storage(tmp_path: Path, storage: Storage) -> None:
    away = S3Files("s3://serai?endpoint=http://127.0.0.1:9&region=x", tmp_path, "key", "secret")
    wrong = S3Files(storage.address(), tmp_path, "tests", "wrong")
    for store in (away, wrong):
        assert "wrong" not in repr(store)
        assert "secret'" not in repr(store)
        with pytest.raises(StorageAway):
            store.probe()
    with pytest.raises(StorageAway):
        wrong.find("materials/a")
    with pytest.raises(StorageAway):
        wrong.put("materials/a", b"x")
    storage.store(tmp_path).probe()


def test_an_upload_whose_piece_is_gone_is_no_shorter_upload(s3: S3Files, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "staged/uploads/7/0123"
    s3.append(key, b"first ", offset=0)
    s3.append(key, b"second", offset=6)
    pieces = s3._pieces(key)
    s3.delete(pieces[1].key)  # discarded after it was listed
    monkeypatch.setattr(S3Files, "_pieces", lambda _store, _key: pieces)
    with pytest.raises(FileNotFoundError), s3.local_copy(key):
        pass
