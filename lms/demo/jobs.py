"""The recording of one lecture of the demonstration: slides, and a sound like speech, made by ffmpeg.

It is made in a task once ffmpeg is installed, so that neither the build nor the first page waits for it. Some minutes
are made; they are repeated until the replay shows enough of its lecture to count.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.persons import attendance_of_person
from lms.catalogue.models import Lecture
from lms.core.background.jobs import Run, job, request_job
from lms.core.base.roles import SYSTEM
from lms.core.base.settings import settings
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.programs import find_ffmpeg
from lms.core.text.typesetting import CannotRender, draw, font_folders, tongue
from lms.core.time import clock
from lms.demo.programme import read_json
from lms.people.queries.persons import find_person_id
from lms.recordings.actions import add_recording, set_captions
from lms.recordings.caption_files import PAUSE_MS, Cue, write_webvtt
from lms.recordings.queries import borders_of
from lms.recordings.replays import find_replays
from lms.streaming.models import Epoch, Stream, StreamState, Track
from lms.streaming.playlists import playlists_of
from lms.streaming.queries import find_stream, list_epochs
from lms.streaming.rules import initial_key, segment_key, stream_folder

log = structlog.get_logger(__name__)
JOB = "demo_recording"
REPEAT_JOB = "demo_recording_repeat"
LONGEST_MS = 60_000
"""Segments of what is repeated are joined up to this length: few files are written."""
SECONDS = 180
MOST_SLIDES, FEWEST_POINTS = 5, 2
AGAIN = timedelta(seconds=15)
PATIENCE = timedelta(hours=1)
"""For so long ffmpeg is waited for: `make demo` installs it when the first page is served."""
_SLIDE = Path(__file__).parent / "design" / "slide.typ"
_SENTENCES = re.compile(r"(?<=[.!?。؟])\s*")
_PARTS = re.compile(r"\s*[,;:.!?،؛，；。؟]\s*")
_SPEECH = (
    "0.22*(sin(2*PI*(118*t+2*sin(2*PI*0.4*t)))+0.6*sin(2*PI*(236*t+4*sin(2*PI*0.4*t)))"
    "+0.4*sin(2*PI*(590*t+60*sin(2*PI*1.7*t)/6.28))+0.2*sin(2*PI*(1180*t+140*sin(2*PI*2.3*t)/6.28)))"
    "*pow(abs(sin(2*PI*1.9*t)*sin(2*PI*0.83*t+1)),0.5)*lt(mod(t,6.1),5.2)"
)
"""Tones of a voice, in syllables and sentences."""


def request_recording(address: str, *, now: datetime, say: Callable[[str], None]) -> None:
    """Has the recording made of the latest lecture that a person missed, or a part of it."""
    lecture_id = latest_missed(address)
    if lecture_id is None:
        return
    if find_ffmpeg() is None:
        say("The recording of one lecture is missing until ffmpeg is installed (make video).")
    _request(lecture_id, until=now + PATIENCE, due_at=None)


@action
def _request(lecture_id: int, *, job: str = JOB, until: datetime, due_at: datetime | None) -> None:
    arguments = {"lecture_id": lecture_id, "until": until.isoformat()}
    request_job(job, arguments, by=SYSTEM, at=clock.now(), due_at=due_at)


def latest_missed(address: str) -> int | None:
    """The latest lecture that a person missed, or a part of it; its recording is made."""
    person_id = find_person_id(address)
    if person_id is None:
        return None
    missed = [
        row for row in attendance_of_person(person_id, by=SYSTEM) if row.outcome in (Outcome.ABSENT, Outcome.PARTIAL)
    ]
    return max(missed, key=lambda row: row.start_ms).lecture_id if missed else None


@job(JOB)
def make_demo_recording(_run: Run, *, lecture_id: int, until: str) -> dict[str, Any]:
    """Makes the recording and has it packaged; waits in tasks of its own while ffmpeg is not installed."""
    if find_stream(lecture_id, Track.MAIN) is not None:
        return {"is_made": False}
    program, now = find_ffmpeg(), clock.now()
    if program is None:
        if now < datetime.fromisoformat(until):
            _request(lecture_id, until=datetime.fromisoformat(until), due_at=now + AGAIN)
        else:
            log.warning("the recording of the demonstration is missing: ffmpeg is not installed")
        return {"is_made": False}
    lecture = db.session.scalars(select(Lecture).where(Lecture.id == lecture_id)).one()
    titles = [lecture.title, *_points(lecture.abstract)][:MOST_SLIDES]
    key = f"staged/recordings/demo-{lecture_id}.mp4"
    with tempfile.TemporaryDirectory(dir=settings().folder) as folder:
        path = _film(program, Path(folder), lecture, titles)
        files.store_path(key, path)
    try:
        add_recording(lecture_id, key, "lecture.mp4", by=SYSTEM, at=now)
    finally:
        files.delete(key)
    seconds = SECONDS // len(titles)
    _set_chapters(lecture_id, [(number * seconds * 1000, title) for number, title in enumerate(titles)])
    _request(lecture_id, job=REPEAT_JOB, until=now + PATIENCE, due_at=now + AGAIN)
    return {"is_made": True}


@job(REPEAT_JOB)
def repeat_demo_recording(_run: Run, *, lecture_id: int, until: str) -> dict[str, Any]:
    """Repeats what was recorded until watching it counts; waits in tasks of its own while it is packaged."""
    stream, now = find_stream(lecture_id, Track.MAIN), clock.now()
    if stream is not None and stream.state is not StreamState.COMPLETE and now < datetime.fromisoformat(until):
        _request(lecture_id, job=REPEAT_JOB, until=datetime.fromisoformat(until), due_at=now + AGAIN)
        return {"is_repeated": False}
    replay = find_replays([lecture_id]).get(lecture_id)
    if stream is None or stream.state is not StreamState.COMPLETE:
        return {"is_repeated": False}
    is_repeated = replay is not None and replay.is_too_short
    if replay is not None and is_repeated:
        _repeat(stream.id, -(-replay.needed_ms // max(replay.shown_ms, 1)))
    _add_captions(lecture_id, borders_of(stream)[-1], at=now)
    return {"is_repeated": is_repeated}


def _add_captions(lecture_id: int, length_ms: int, *, at: datetime) -> None:
    """Adds captions in two languages, a sentence for each part of a slide, said again where the slides are."""
    for language, sentences in read_json("captions.json").items():
        step_ms = SECONDS * 1000 // len(sentences)
        cues = [
            Cue(number * step_ms, (number + 1) * step_ms - PAUSE_MS, sentences[number % len(sentences)])
            for number in range(length_ms // step_ms)
        ]
        content = write_webvtt(cues).encode()
        set_captions(lecture_id, language, content, are_of_replay=False, by=SYSTEM, at=at)


@action
def _repeat(stream_id: int, times: int) -> None:
    """Adds epochs of the same pictures and sound, one after the other, until each is there that many times."""
    stream, made = db.session.get_one(Stream, stream_id), list_epochs(stream_id)
    number, wall_ms, byte_count = made[-1].number, made[-1].wall_ms + made[-1].length_ms, stream.byte_count or 0
    for original in [*made] * (times - 1):
        number += 1
        epoch = Epoch(
            stream_id=stream_id, session_id=original.session_id, number=number, start_ms=0, wall_ms=wall_ms,
            durations={}, has_picture=original.has_picture, is_open=False,
        )  # fmt: skip
        groups = list(_joined(original.shared_durations))
        for rendition in original.durations:
            files.store(
                initial_key(stream, epoch, rendition), files.find(initial_key(stream, original, rendition)) or b""
            )
            for place, (segments, _length_ms) in enumerate(groups):
                parts = [files.find(segment_key(stream, original, rendition, segment)) or b"" for segment in segments]
                files.store(segment_key(stream, epoch, rendition, place), b"".join(parts))
                byte_count += sum(map(len, parts))
            epoch.durations[rendition] = [length_ms for _segments, length_ms in groups]
        db.session.add(epoch)
        wall_ms += original.length_ms
    db.session.flush()
    stream.byte_count = byte_count
    texts = playlists_of(list_epochs(stream_id), is_complete=True, segment_ms=settings().segment_seconds * 1000)
    for name, text in texts.items():
        files.store(f"{stream_folder(stream)}/{name}", text.encode())


def _joined(durations: Sequence[int]) -> Iterator[tuple[range, int]]:
    """Consecutive segments, each group with its length in milliseconds."""
    first = length_ms = 0
    for place, duration_ms in enumerate(durations):
        if length_ms and length_ms + duration_ms > LONGEST_MS:
            yield range(first, place), length_ms
            first, length_ms = place, 0
        length_ms += duration_ms
    if length_ms:
        yield range(first, len(durations)), length_ms


@action
def _set_chapters(lecture_id: int, chapters: list[tuple[int, str]]) -> None:
    stream = find_stream(lecture_id, Track.MAIN)
    if stream is not None:
        stream.chapters = chapters


def _points(abstract: str) -> list[str]:
    """Returns what the slides say: the sentences of a description, or parts of them where there are few."""
    sentences = [point for point in _SENTENCES.split(abstract) if point]
    if len(sentences) >= FEWEST_POINTS:
        return sentences
    return [point[:1].upper() + point[1:] for point in _PARTS.split(abstract) if point]


def _film(program: Path, folder: Path, lecture: Lecture, titles: Sequence[str]) -> Path:
    """A film of some minutes: a slide for each title, or coloured pictures where its script has no font here."""
    seconds, path = SECONDS // len(titles), folder / "lecture.mp4"
    try:
        slides = [_draw(lecture, title, is_first=number == 0) for number, title in enumerate(titles)]
    except CannotRender:
        pictures = ["-f", "lavfi", "-i", f"gradients=size=640x360:rate=5:speed=0.01:duration={SECONDS}"]
        mapped = ["-map", "0:v"]
        sound = 1
    else:
        pictures = []
        for number, slide in enumerate(slides):
            (folder / f"{number}.png").write_bytes(slide)
            pictures += ["-loop", "1", "-framerate", "5", "-t", str(seconds), "-i", str(folder / f"{number}.png")]
        sound = len(slides)
        joined = "".join(f"[{number}:v]" for number in range(sound))
        scale = "scale=640:360:force_original_aspect_ratio=decrease,pad=640:360:-1:-1:white,setsar=1"
        mapped = ["-filter_complex", f"{joined}concat=n={sound}:v=1,{scale}[picture]", "-map", "[picture]"]
    command = [
        *(str(program), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *pictures),
        *("-f", "lavfi", "-i", f"aevalsrc=exprs='{_SPEECH}':sample_rate=16000:duration={SECONDS}", *mapped),
        *("-map", f"{sound}:a", "-c:v", "libx264", "-preset", "veryfast", "-tune", "stillimage", "-pix_fmt", "yuv420p"),
        *("-g", "50", "-c:a", "aac", "-b:a", "32k", "-shortest", str(path)),
    ]
    subprocess.run(command, check=True, timeout=300)  # noqa: S603  the program that `find_ffmpeg` returned
    return path


def _draw(lecture: Lecture, title: str, *, is_first: bool) -> bytes:
    inputs = {
        "title": title,
        "over": lecture.series.title if is_first else lecture.title,
        "lang": tongue(lecture.language)["lang"] or "en",
        "dir": "rtl" if lecture.language.startswith("ar") else "ltr",
    }
    return draw(_SLIDE, inputs, font_folders(), ppi=64)
