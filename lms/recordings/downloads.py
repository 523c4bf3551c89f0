"""One MP4 file of what a replay shows, with its chapters.

Each epoch becomes a file, and these are joined, mostly without encoding anything: a playlist read as a
whole would lose two seconds after each break. Only epochs whose pictures are coded differently (another camera, black
pictures) are encoded once more, since a file has one coding.
"""

import re
import secrets
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import structlog

from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.base.settings import settings
from lms.core.storage import files
from lms.core.storage.locks import abandoned_folders, locked_folder, remove_abandoned
from lms.core.storage.programs import Limits, bounded, find_ffmpeg
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.recordings.queries import RecordingView, download_key, get_ready_recording
from lms.streaming.models import Epoch, Stream
from lms.streaming.playlists import RecordingPart
from lms.streaming.queries import list_epochs, shown_parts
from lms.streaming.rules import LITTLE_DISK, initial_key, segment_key

log = structlog.get_logger(__name__)
_LIMITS = Limits(memory_mb=4096, cpu_seconds=13 * 3600, file_mb=100_000)
_RENEW_SECONDS = 5
"""How often a task says that it goes on."""
_FOLDER: Final = "joining"
"""Where parts are joined, below the data folder."""
_CODING: Final = b"avcC"
_SIZE = re.compile(rb"Stream #0:\d+[^\n]*?: Video: [^\n]*? (\d{2,5})x(\d{2,5})")
Progress = Callable[[int], None]


def make_file(lecture_id: int, fingerprint: str, progress: Progress) -> int:
    """Makes the file for download; returns its size in bytes. `progress` gets percents.

    Raises Refused without ffmpeg or room on the disk, where a part is missing in the storage, and where the recording
    was changed or removed meanwhile.
    """
    program = find_ffmpeg()
    if program is None:
        raise Refused(_("The file cannot be made: ffmpeg is not installed on the server."))
    try:
        recording = get_ready_recording(lecture_id, by=SYSTEM, at=clock.now())
    except NotFound as error:
        raise Refused(_("The recording was removed.")) from error
    if recording.fingerprint != fingerprint:
        raise Refused(_("The recording was changed meanwhile. Prepare the file again."))
    stream = recording.stream
    assert stream is not None
    if files.free_bytes_here() < 3 * (stream.byte_count or 0) + LITTLE_DISK:
        raise Refused(_("The server’s disk is nearly full. Ask its administrator to make room, then try again."))
    key = download_key(stream, fingerprint)
    with locked_folder(settings().folder / _FOLDER, f"{lecture_id}-{secrets.token_hex(4)}") as folder:
        for left in abandoned_folders(folder.parent):  # by workers that were killed
            remove_abandoned(left)
        joined = _Join(program, folder, progress).run(stream, recording)
        files.store_path(key, joined)
        return joined.stat().st_size


class _Join:
    def __init__(self, program: Path, folder: Path, progress: Progress) -> None:
        self._program, self._folder, self._progress = program, folder, progress
        self._percent = 0

    def run(self, stream: Stream, recording: RecordingView) -> Path:
        parts = shown_parts(stream)
        epochs = {epoch.number: epoch for epoch in list_epochs(stream.id)}
        chosen = [(part, epochs[part.epoch]) for part in parts]
        rendition = "h" if all("h" in epoch.durations for _part, epoch in chosen) else "v"
        paths = []
        for number, (part, epoch) in enumerate(chosen):
            paths.append(self._copy_part(stream, epoch, part, rendition, self._folder / f"{number}.mp4"))
            self._tell(60 * (number + 1) // len(chosen))
        self._unify([path.with_suffix(".init") for path in paths], paths, [part.length_ms for part, _epoch in chosen])
        return self._concatenate(paths, stream, recording)

    def _tell(self, percent: int) -> None:
        self._percent = percent
        self._progress(percent)

    def _copy_part(self, stream: Stream, epoch: Epoch, part: RecordingPart, rendition: str, path: Path) -> Path:
        """An epoch, or what is shown of it, as a file."""
        stored = rendition if rendition in epoch.durations else "v"
        initial = _content_of(initial_key(stream, epoch, stored))
        path.with_suffix(".init").write_bytes(initial)
        whole = path.with_suffix(".m4s")
        with whole.open("wb") as file:
            file.write(initial)
            for number in part.segments:
                file.write(_content_of(segment_key(stream, epoch, stored, number)))
        self._ffmpeg("-f", "mov", "-i", whole, "-map", "0", "-c", "copy", path)
        whole.unlink()
        return path

    def _unify(self, initials: Sequence[Path], paths: Sequence[Path], lengths_ms: Sequence[int]) -> None:
        """Encodes parts again whose pictures are coded differently than most; all, where that is not enough."""
        codings = [_coding_of(path) for path in initials]
        if len(set(codings)) < 2:
            return
        weights = {coding: sum(ms for other, ms in zip(codings, lengths_ms, strict=True) if other == coding)
                   for coding in codings}  # fmt: skip
        usual = max(weights, key=lambda coding: weights[coding])
        width, height = self._size_of(paths[codings.index(usual)])
        log.info("parts of a recording are encoded again", count=sum(coding != usual for coding in codings))
        others = [path for path, coding in zip(paths, codings, strict=True) if coding != usual]
        for path in others:
            self._encode(path, width, height)
        if any(_coding_of(path) != usual for path in others):
            for path in paths:
                if path not in others:
                    self._encode(path, width, height)

    def _encode(self, path: Path, width: int, height: int) -> None:
        encoded = path.with_suffix(".again.mp4")
        fit = f"scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1,setsar=1,fps=30"
        self._ffmpeg(
            *("-i", path, "-map", "0", "-c:a", "copy", "-vf", fit, "-c:v", "libx264", "-preset", "veryfast"),
            *("-profile:v", "main", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-crf", "26", "-threads", "1"),
            encoded,
        )
        encoded.replace(path)

    def _size_of(self, path: Path) -> tuple[int, int]:
        report = self._ffmpeg("-i", path, "-t", "0", "-f", "null", "-", loglevel="info")
        match = _SIZE.search(report)
        return (int(match[1]), int(match[2])) if match else (640, 360)

    def _concatenate(self, paths: Sequence[Path], stream: Stream, recording: RecordingView) -> Path:
        listing, about, whole = (self._folder / name for name in ("list.txt", "about.txt", "whole.mp4"))
        lines = [line for path in paths for line in (f"file '{path.name}'",)]
        listing.write_text("\n".join(["ffconcat version 1.0", *lines, ""]))
        about.write_text(_metadata(recording, stream), encoding="utf-8")
        self._ffmpeg(
            *("-f", "concat", "-safe", "0", "-i", listing, "-f", "ffmetadata", "-i", about, "-map", "0"),
            *("-map_metadata", "1", "-map_chapters", "1", "-c", "copy", "-movflags", "+faststart", whole),
        )
        self._tell(100)
        return whole

    def _ffmpeg(self, *arguments: str | Path, loglevel: str = "error") -> bytes:
        """Runs ffmpeg to its end and returns what it wrote; the task says meanwhile that it goes on."""
        head = ("-nostdin", "-hide_banner", "-loglevel", loglevel, "-y")
        command, environment = bounded(_LIMITS, self._program, [*head, *arguments])
        report = self._folder / "log"
        with report.open("wb") as log_file:
            process = subprocess.Popen(command, env=environment, stdout=log_file, stderr=log_file)  # noqa: S603  the program that `find_ffmpeg` returned
        try:
            told_at = time.monotonic()
            while process.poll() is None:
                time.sleep(0.02)
                if time.monotonic() - told_at > _RENEW_SECONDS:
                    told_at = time.monotonic()
                    self._progress(self._percent)
        except BaseException:
            process.kill()
            process.wait()
            raise
        content = report.read_bytes()
        if process.returncode:
            raise RuntimeError(f"ffmpeg failed: {content[-500:].decode(errors='replace')}")
        return content


def _content_of(key: str) -> bytes:
    content = files.find(key)
    if content is None:
        log.error("a part of a recording is missing", key=key)
        raise Refused(_("The file cannot be made: a part of the recording is missing in the storage."))
    return content


def _coding_of(path: Path) -> bytes:
    """How the pictures of a file are coded: the content of its box `avcC`."""
    with path.open("rb") as file:
        content = file.read(256 * 1024)
        if _CODING not in content:  # at the end of a file that is not for streaming
            file.seek(max(path.stat().st_size - 4 * 1024 * 1024, 0))
            content = file.read()
    at = content.find(_CODING)
    if at < 4:
        return b""
    return content[at : at - 4 + int.from_bytes(content[at - 4 : at], "big")]


def _metadata(recording: RecordingView, stream: Stream) -> str:
    """Title and chapters as ffmpeg reads them."""
    start_ms, end_ms = stream.trim_from_ms or 0, (stream.trim_from_ms or 0) + recording.shown_ms
    lines = [";FFMETADATA1", f"title={_escaped(recording.lecture.title)}"]
    for (position_ms, title), (next_ms, _title) in pairwise([*stream.chapters, (end_ms, "")]):
        begin, end = max(position_ms, start_ms) - start_ms, min(next_ms, end_ms) - start_ms
        if end > begin:
            lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={begin}", f"END={end}", f"title={_escaped(title)}"]
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", text)
