"""The packager: packages streams while chunks come, each in a thread of its own.

Any number of packagers can run, on any machine. A lease says which one has a stream. When a packager dies, another one
continues its streams from the stored chunks: at once on the same data folder, else when the leases have expired.

One uploaded recording at a time is encoded on a machine, and gives way to lectures.
"""

import threading
from pathlib import Path
from typing import IO

import structlog
from flask import Flask

from lms.core.background import leases
from lms.core.background.leases import HeldLeases
from lms.core.base.settings import settings
from lms.core.database.session import db
from lms.core.storage.locks import abandoned_folders, locked_folder, remove_abandoned, take_lock
from lms.core.storage.programs import find_ffmpeg
from lms.streaming.queries import list_streams_to_package
from lms.streaming.stream_packager import StreamPackager

log = structlog.get_logger(__name__)
POLL_SECONDS = 0.5
RETRY_SECONDS = 5
"""How long it waits without ffmpeg, and after a fault."""
END_SECONDS = 10
"""How long it waits at its end for runs of ffmpeg to end."""
_UPLOADS = "encoding"
"""The lock of the one upload that is encoded on a machine."""


def run_packager(app: Flask, stopping: threading.Event) -> None:
    """Packages streams that no other packager has until `stopping` is set."""
    with app.app_context():
        folder = settings().folder / "packager"
    held, ended = HeldLeases(app), threading.Event()
    keeper = threading.Thread(target=held.run, args=(ended,), name="leases", daemon=True)
    with locked_folder(folder, held.holder) as work_folder:
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
                    self._begin_streams(program)
                    db.session.remove()
            except Exception:
                log.exception("streams could not be listed")
                self._stopping.wait(RETRY_SECONDS)
        for thread in self._threads.values():
            thread.join(END_SECONDS)

    def _begin_streams(self, program: Path) -> None:
        """Begins the streams that nobody packages and whose leases this packager can have."""
        self._threads = {stream_id: thread for stream_id, thread in self._threads.items() if thread.is_alive()}
        streams = [(id_, is_upload) for id_, is_upload in list_streams_to_package() if id_ not in self._threads]
        taken = leases.list_leases() if streams else {}
        for stream_id, is_upload in streams:
            lease = _lease_of(stream_id)
            if lease in taken:
                continue
            lock = take_lock(_UPLOADS) if is_upload else None
            if is_upload and lock is None:
                continue
            if not self._held.take(lease):
                _close(lock)
                continue
            try:
                self._begin(stream_id, program, lock)
            except BaseException:
                _close(lock)
                self._held.give_back(lease)  # or it would be renewed without anybody who packages
                raise

    def _begin(self, stream_id: int, program: Path, lock: IO[str] | None) -> None:
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
                _close(lock)
                self._held.give_back(name)

        thread = threading.Thread(target=work, name=f"stream {stream_id}", daemon=True)
        thread.start()
        self._threads[stream_id] = thread


def _close(lock: IO[str] | None) -> None:
    if lock is not None:
        lock.close()


def _lease_of(stream_id: int) -> str:
    return f"stream/{stream_id}"


def _succeed_the_dead(app: Flask, folder: Path) -> None:
    """Ends the leases of packagers that died on this data folder, and removes their folders."""
    for path in abandoned_folders(folder):
        try:
            with app.app_context():
                leases.release_all(path.name)
                db.session.remove()
        except Exception as error:
            log.warning("leases of a packager that died run out later", error=type(error).__name__)
        remove_abandoned(path)
