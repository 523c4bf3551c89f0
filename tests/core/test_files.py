"""Files are kept whole or not at all, and what a killed writer left goes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask

from lms import worker
from lms.core.storage import files
from lms.core.time import clock

KILLED = """
import os, sys
from pathlib import Path
from lms.core.storage.folder_files import FolderFiles
path = Path(sys.argv[1])
with FolderFiles(path.parent).writing(path.name) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), 9)
"""


class Begun(Exception):
    """The worker is about to take jobs."""


@pytest.fixture
def left(app: APIFlask) -> Path:
    """What somebody left who was killed in the middle of writing `materials/a.pdf`."""
    with app.app_context():
        files.store("materials/b.pdf", b"whole")
        folder = files.folder() / "materials"
    subprocess.run([sys.executable, "-c", KILLED, str(folder / "a.pdf")], check=False)
    (half,) = [path for path in folder.iterdir() if path.name != "b.pdf"]
    assert half.read_bytes() == b"half"
    return half


def begin_worker(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise Begun

    monkeypatch.setattr(worker, "create_app", lambda _config: app)
    monkeypatch.setattr(worker, "settle", lambda: None)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    monkeypatch.setattr(worker, "begin_heartbeats", lambda *_: None)
    monkeypatch.setattr(worker.signals.Listener, "of", stop)
    with pytest.raises(Begun):
        worker.run_worker(app.extensions["lms.config"])


def test_a_worker_begins_by_clearing_away_what_was_left_half_written(
    app: APIFlask, left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = left.with_name("b.pdf")
    for path in (left, whole):
        long_ago = clock.now().timestamp() - 2 * files.ABANDONED.total_seconds()
        os.utime(path, (long_ago, long_ago))
    begin_worker(app, monkeypatch)
    assert not left.exists()
    assert whole.read_bytes() == b"whole"


@pytest.mark.present
def test_what_somebody_may_still_be_writing_stays(app: APIFlask, left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_worker(app, monkeypatch)
    assert left.exists()
    with app.app_context():
        assert files.sweep(at=clock.now() + files.ABANDONED - timedelta(minutes=1)) == 0
        assert files.sweep(at=clock.now() + files.ABANDONED + timedelta(minutes=1)) == 1


def test_without_storage_the_worker_begins_all_the_same(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> int:
        raise files.StorageAway("gone")

    monkeypatch.setattr(files, "sweep", away)
    begin_worker(app, monkeypatch)
