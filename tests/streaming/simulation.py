"""A lecture that is sent and packaged in simulated time: what browsers send, what gets lost, packagers that are killed.

ffmpeg has a stand-in, which makes a segment of each second of the recording that it was fed whole.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apiflask import APIFlask

from lms.core.storage import files
from lms.core.time import clock
from lms.streaming import stream_packager
from lms.streaming.queries import list_streams_to_package
from lms.streaming.stream_packager import StreamPackager

SECOND = 1000
LATE = timedelta(seconds=20)
"""In place of a minute, which takes long to wait for."""
HEADER = (
    b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\x16\x54\xae\x6b\x90"
    b"\xae\x86\xd7\x81\x01\x83\x81\x01\xae\x86\xd7\x81\x02\x83\x81\x02"
)
"""A segment without an end, with a track of pictures and one of sound."""
_WHOLE = re.compile(rb"\x1f\x43\xb6\x75\x10\x00\x00\x17\xe7\x88(.{8})\xa3\x8b\x81\x00\x00.\[(\d{5})\]", re.DOTALL)


def cluster(time_ms: int, mark: int, *, is_key: bool) -> bytes:
    """A second of a recording, which begins with a key frame or not; `mark` stands for what is seen in it."""
    block = b"\x81\x00\x00" + (b"\x80" if is_key else b"\x00") + b"[%05d]" % mark
    return b"\x1f\x43\xb6\x75\x10\x00\x00\x17\xe7\x88" + time_ms.to_bytes(8, "big") + b"\xa3\x8b" + block


class Tape:
    """In place of ffmpeg. It reads what it is fed, or an uploaded file of so many seconds; `dies_after`: bytes."""

    dies_after: list[int] = []

    def __init__(
        self, _program: Path, folder: Path, renditions: list[str], *, skip_ms: int, source: Any = None, **_more: Any
    ) -> None:
        self.renditions, self.pid = renditions, 0
        self.is_running = source is None
        self.is_behind = self.is_stuck = False
        self._folder, self._skip, self._fed = folder, skip_ms // SECOND, b""
        self._ends_at = self.dies_after.pop() if self.dies_after and source is None else None
        self._is_dead = False
        if source is not None:
            self._fed = b"".join(cluster(0, mark, is_key=True) for mark in range(int(source.path.read_text())))

    def write(self, content: bytes) -> None:
        self._fed += content
        if self._ends_at is not None and len(self._fed) > self._ends_at:
            self._fed, self._is_dead = self._fed[: self._ends_at], True
            raise BrokenPipeError

    def _whole(self) -> list[bytes]:
        return [mark for _time, mark in _WHOLE.findall(self._fed)][self._skip :]

    def segments(self, _rendition: str) -> list[int]:
        # A segment is whole when the next one begins
        return [SECOND] * max(len(self._whole()) - (self.is_running or self._is_dead), 0)

    def initial_path(self, rendition: str) -> Path:
        return self._written(f"{rendition}.mp4", b"initial")

    def segment_path(self, rendition: str, number: int) -> Path:
        return self._written(f"{rendition}{number}", self._whole()[number])

    def _written(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path

    def kill(self) -> None:
        self.is_running, self._is_dead = False, True

    def finish(self) -> bool:
        self.is_running = False
        return not self._is_dead

    @property
    def is_successful(self) -> bool:
        return not self._is_dead

    def log_tail(self) -> str:
        return ""


class Killed(BaseException):
    """The packager is gone, as after `kill -9`: nothing more of it runs."""


class Simulation:
    """Time goes on where the packager waits; what is planned by `at` then happens."""

    def __init__(self, app: APIFlask, folder: Path, began: datetime, patch: pytest.MonkeyPatch) -> None:
        self.app, self.folder, self.began, self.seconds = app, folder, began, 0.0
        self._planned: list[tuple[float, int, Callable[[], object]]] = []
        self._number = itertools.count()
        self._kills: list[int] = []
        self._stored = 0
        patch.setattr(clock, "now", lambda: clock.from_ms(self.ms(self.seconds)))
        patch.setattr(stream_packager, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        patch.setattr(stream_packager, "Encoder", Tape)
        patch.setattr(stream_packager, "CHUNK_SECONDS", 0.5)
        patch.setattr("lms.streaming.rules.LATE_CHUNKS", LATE)
        self._store = files.store
        patch.setattr(files, "store", self._store_or_die)

    def ms(self, seconds: float) -> int:
        return clock.to_ms(self.began) + round(seconds * SECOND)

    def at(self, seconds: float, happens: Callable[[], object]) -> None:
        heapq.heappush(self._planned, (seconds, next(self._number), happens))

    def kill_after(self, stored: list[int]) -> None:
        """Plans deaths of the packager: each before it stores another file of so many since the last."""
        self._kills = stored

    def _store_or_die(self, key: str, content: bytes) -> None:
        if self._kills and key.startswith("recordings/"):
            self._stored += 1
            if self._stored > self._kills[-1]:
                self._kills.pop()
                self._stored = 0
                raise Killed
        self._store(key, content)

    def wait(self, seconds: float) -> bool:
        """The wait of an event that is never set."""
        until = self.seconds + seconds
        assert until < 10_000, "the packager never ends"
        while self._planned and self._planned[0][0] <= until:
            self.seconds, _number, happens = heapq.heappop(self._planned)
            happens()
        self.seconds = until
        return False

    def is_set(self) -> bool:
        return False

    def run(self) -> None:
        """Until everything has happened and is packaged; a packager that was killed is succeeded two seconds later."""
        while self._planned or list_streams_to_package():
            streams = list_streams_to_package()
            if not streams:
                self.wait(max(self._planned[0][0] - self.seconds, 0))
                continue
            stopping: Any = self
            folder = self.folder / str(next(self._number))
            packager = StreamPackager(self.app, streams[0][0], Path("ffmpeg"), folder, stopping)
            try:
                packager._run()
            except Killed:
                self.wait(2)
