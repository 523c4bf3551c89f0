"""The packager: packages all streams while chunks come, each in a thread of its own."""

from __future__ import annotations

import fcntl
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from flask import Flask

from lms.core.db import db
from lms.core.ffmpeg import find_ffmpeg
from lms.core.settings import settings
from lms.streaming.queries import list_streams_to_package
from lms.streaming.stream_packager import StreamPackager

log = structlog.get_logger(__name__)
POLL_SECONDS = 0.5
RETRY_SECONDS = 5
"""How long it waits without ffmpeg, and after a fault."""
END_SECONDS = 10
"""How long it waits at its end for runs of ffmpeg to end."""


def run_packager(app: Flask, stopping: threading.Event) -> None:
    """Packages all streams until `stopping` is set. Waits while another packager works on this data folder."""
    with app.app_context():
        folder = settings().folder / "packager"
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder / "lock", stopping):
        for path in folder.iterdir():
            if path.is_dir():  # of a packager that was killed
                shutil.rmtree(path, ignore_errors=True)
        threads: dict[int, threading.Thread] = {}
        is_missing = False
        while not stopping.wait(POLL_SECONDS):
            program = find_ffmpeg()
            if program is None:
                if not is_missing:
                    log.warning("ffmpeg is not installed: streams are received and not packaged")
                is_missing = True
                stopping.wait(RETRY_SECONDS)
                continue
            is_missing = False
            try:
                with app.app_context():
                    stream_ids = list(list_streams_to_package())
                    db.session.remove()
            except Exception:
                log.exception("streams could not be listed")
                stopping.wait(RETRY_SECONDS)
                continue
            for stream_id in stream_ids:
                if stream_id not in threads or not threads[stream_id].is_alive():
                    packager = StreamPackager(app, stream_id, program, folder / str(stream_id), stopping)
                    threads[stream_id] = threading.Thread(target=packager.run, name=f"stream {stream_id}", daemon=True)
                    threads[stream_id].start()
        for thread in threads.values():
            thread.join(END_SECONDS)


@contextmanager
def _alone(path: Path, stopping: threading.Event) -> Iterator[None]:
    with path.open("w") as file:
        while not stopping.is_set():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                stopping.wait(1)
        yield
