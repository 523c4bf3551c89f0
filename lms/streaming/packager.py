"""The packager: packages streams while chunks come, each in a thread of its own.

Any number of packagers can run, on any machine. A lease says which one has a stream. When a packager dies, another one
continues its streams from the stored chunks: at once on the same data folder, else when the leases have expired.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from flask import Flask

from lms.core import leases
from lms.core.db import db
from lms.core.ffmpeg import find_ffmpeg
from lms.core.leases import HeldLeases
from lms.core.settings import settings
from lms.streaming.queries import list_streams_to_package
from lms.streaming.stream_packager import StreamPackager

log = structlog.get_logger(__name__)
POLL_SECONDS = 0.5
RETRY_SECONDS = 5
"""How long it waits without ffmpeg, and after a fault."""
END_SECONDS = 10
"""How long it waits at its end for runs of ffmpeg to end."""
_LOCK = "lock"
_NEW = "new-"


def run_packager(app: Flask, stopping: threading.Event) -> None:
    """Packages streams that no other packager has until `stopping` is set."""
    with app.app_context():
        folder = settings().folder / "packager"
    folder.mkdir(mode=0o700, exist_ok=True)
    held, ended = HeldLeases(app), threading.Event()
    keeper = threading.Thread(target=held.run, args=(ended,), name="leases", daemon=True)
    with _work_folder(folder, held.holder) as work_folder:
        _succeed_the_dead(app, folder)
        keeper.start()
        try:
            _Packager(app, held, work_folder, stopping).run()
        finally:
            ended.set()
            keeper.join()


class _Packager:
    def __init__(self, app: Flask, held: HeldLeases, folder: Path, stopping: threading.Event) -> None:
        self._app, self._held, self._folder, self._stopping = app, held, folder, stopping
        self._threads: dict[int, threading.Thread] = {}

    def run(self) -> None:
        is_missing = False
        while not self._stopping.wait(POLL_SECONDS):
            program = find_ffmpeg()
            if program is None:
                if not is_missing:
                    log.warning("ffmpeg is not installed: streams are received and not packaged")
                is_missing = True
                self._stopping.wait(RETRY_SECONDS)
                continue
            is_missing = False
            try:
                with self._app.app_context():
                    for stream_id in self._take_streams():
                        self._begin(stream_id, program)
                    db.session.remove()
            except Exception:
                log.exception("streams could not be listed")
                self._stopping.wait(RETRY_SECONDS)
        for thread in self._threads.values():
            thread.join(END_SECONDS)

    def _take_streams(self) -> list[int]:
        """The streams that nobody packages and whose leases this packager now has."""
        stream_ids = [stream_id for stream_id in list_streams_to_package() if not self._is_running(stream_id)]
        taken = leases.list_leases() if stream_ids else {}
        return [
            stream_id
            for stream_id in stream_ids
            if _lease_of(stream_id) not in taken and self._held.take(_lease_of(stream_id))
        ]

    def _is_running(self, stream_id: int) -> bool:
        thread = self._threads.get(stream_id)
        return thread is not None and thread.is_alive()

    def _begin(self, stream_id: int, program: Path) -> None:
        name = _lease_of(stream_id)
        packager = StreamPackager(
            self._app,
            stream_id,
            program,
            self._folder / str(stream_id),
            self._stopping,
            is_ours=lambda: self._held.holds(name),
        )

        def work() -> None:
            try:
                packager.run()
            finally:
                self._held.give_back(name)

        self._threads[stream_id] = threading.Thread(target=work, name=f"stream {stream_id}", daemon=True)
        self._threads[stream_id].start()


def _lease_of(stream_id: int) -> str:
    return f"stream/{stream_id}"


@contextmanager
def _work_folder(folder: Path, holder: str) -> Iterator[Path]:
    """The folder of this packager, with a lock in it that ends with the process."""
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder))
    with (new / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        work_folder = new.rename(folder / holder)
        try:
            yield work_folder
        finally:
            shutil.rmtree(work_folder, ignore_errors=True)


def _succeed_the_dead(app: Flask, folder: Path) -> None:
    """Ends the leases of packagers that died on this data folder, and removes their folders."""
    for path in folder.iterdir():
        if path.name.startswith(_NEW) or not _is_dead(path):
            continue
        try:
            with app.app_context():
                leases.release_all(path.name)
                db.session.remove()
        except Exception as error:
            log.warning("leases of a packager that died run out later", error=type(error).__name__)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_dead(path: Path) -> bool:
    """Whether nobody has the lock of a packager's folder."""
    try:
        descriptor = os.open(path / _LOCK, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
