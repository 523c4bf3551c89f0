"""Lectures with a recording: as rows alone, or packaged from media that ffmpeg made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from lms.catalogue.models import Lecture
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.programs import find_ffmpeg
from lms.core.time import clock
from lms.streaming.models import Epoch, Stream, StreamSession, StreamState, Track
from lms.streaming.queries import find_stream
from lms.streaming.stream_packager import StreamPackager
from tests.factories import Make
from tests.streaming.media import run_ffmpeg


def held_lecture(make: Make, **more: Any) -> Lecture:
    """A lecture that was held an hour ago for half an hour."""
    began = clock.now() - timedelta(minutes=60)
    values = {"starts_at": began, "actual_start": began, "actual_end": began + timedelta(minutes=30)} | more
    return make.lecture(**({"state": "held"} | values))


@action
def record(lecture: Lecture, *lengths_ms: int, segment_ms: int = 2000, began: datetime | None = None) -> Stream:
    """The rows of a recording with epochs of these lengths, a minute after one another."""
    began = began or lecture.actual_start
    stream = Stream(lecture_id=lecture.id, track=Track.MAIN, state=StreamState.COMPLETE, byte_count=42_000_000)
    stream.length_ms = sum(length_ms // segment_ms * segment_ms for length_ms in lengths_ms)
    db.session.add(stream)
    db.session.flush()
    session = StreamSession(stream_id=stream.id, person_id=1, started_at=began, stopped_at=began, packaged_at=began)
    db.session.add(session)
    db.session.flush()
    wall_ms = clock.to_ms(began)
    for number, length_ms in enumerate(lengths_ms, 1):
        durations = [segment_ms] * (length_ms // segment_ms)
        epoch = Epoch(
            stream_id=stream.id, session_id=session.id, number=number, start_ms=0, wall_ms=wall_ms, is_open=False,
            durations={"v": durations, "a": durations},
        )  # fmt: skip
        db.session.add(epoch)
        wall_ms += length_ms + 60_000
    db.session.flush()
    return stream


@cache
def mp4(seconds: float = 4, *, size: str = "128x72", with_video: bool = True, with_audio: bool = True) -> bytes:
    """A small MP4 whose index is at its end."""
    path = Path("/tmp") / f"serai-test-{threading.get_ident()}.mp4"
    inputs = [*(("-f", "lavfi", "-i", f"testsrc=size={size}:rate=10:duration={seconds}") if with_video else ()),
              *(("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}") if with_audio else ())]  # fmt: skip
    run_ffmpeg("-y", *inputs, "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-c:a", "aac", path)
    content = path.read_bytes()
    path.unlink()
    return content


def package(make: Make, lecture_id: int, folder: Path, *, before: Callable[[], object] = lambda: None) -> Stream:
    """Packages what was uploaded of a lecture, in this thread."""
    before()
    stream, program = find_stream(lecture_id, Track.MAIN), find_ffmpeg()
    assert stream is not None
    assert program is not None, "make video installs it"
    StreamPackager(make.app, stream.id, program, folder, threading.Event())._run()
    db.session.rollback()
    packaged = find_stream(lecture_id, Track.MAIN)
    assert packaged is not None
    return packaged


def stored_names(stream: Stream) -> set[str]:
    """The files of a recording."""
    folder = files.folder() / "recordings" / stream.public_id
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
