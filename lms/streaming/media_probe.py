"""What an uploaded recording is, by its content: read by ffmpeg within limits."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lms.core.base.errors import Invalid, WrongKind
from lms.core.storage.programs import Limits, bounded
from lms.core.text.i18n import _
from lms.streaming.rules import MOST_MS, clock_time
from lms.streaming.webm import MAGIC, MOST_PIXELS

_LIMITS = Limits(memory_mb=2048, cpu_seconds=30, file_mb=0, niceness=19)
_SECONDS = 60
_TRIED_SECONDS = 2
"""How much of a file is decoded to find whether it can be."""
_MOST_OUTPUT = 200_000
_MP4_MARK = b"ftyp"
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_SIZE = re.compile(r", (\d{1,9})x(\d{1,9})(?![\dx])")
_STREAM = re.compile(r"^  Stream #0:\d+[^\n]*?: (Video|Audio): ([^\n]*)", re.MULTILINE)


@dataclass(frozen=True)
class MediaInfo:
    """A recording. `demuxer` is how ffmpeg reads it. `length_ms`: null where the file does not state it."""

    demuxer: str
    length_ms: int | None
    has_video: bool


def demuxer_of(content: BinaryIO) -> str | None:
    """How ffmpeg reads a file that begins like this; null for what is neither MP4 nor WebM."""
    head = content.read(12)
    if head.startswith(MAGIC):
        return "matroska"
    return "mov" if head[4:8] == _MP4_MARK else None


def probe(program: Path, path: Path, file_name: str) -> MediaInfo:
    """Reads what a file states and decodes its first seconds.

    Raises WrongKind for other kinds of files, Invalid for one that cannot be read, has no sound or is too long.
    """
    with path.open("rb") as content:
        demuxer = demuxer_of(content)
    if demuxer is None:
        raise WrongKind(_("This file is not a video. Upload the recording as MP4 or WebM."))
    arguments: list[str | Path] = [
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-protocol_whitelist",
        "file",
        "-max_pixels",
        str(MOST_PIXELS**2),
        "-f",
        demuxer,
        "-i",
        path,
    ]
    arguments += ["-map", "0:V:0?", "-map", "0:a:0?", "-t", str(_TRIED_SECONDS), "-f", "null", "-"]
    command, environment = bounded(_LIMITS, program, arguments)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603  the program that `find_ffmpeg` returned
    except subprocess.TimeoutExpired as error:
        raise damaged(file_name) from error
    report = done.stderr[:_MOST_OUTPUT].decode(errors="replace").partition("\nStream mapping:")[0]
    if "Input #0" not in report:
        raise damaged(file_name)
    streams = [(kind, words) for kind, words in _STREAM.findall(report) if "(attached pic)" not in words]
    for _kind, words in streams:
        size = _SIZE.search(words)
        if size and max(int(size[1]), int(size[2])) > MOST_PIXELS:
            limit = _("The picture is %(w)s × %(h)s pixels. The maximum is %(n)s in each direction.",
                      w=size[1], h=size[2], n=MOST_PIXELS)  # fmt: skip
            raise Invalid("file", limit)
    kinds = {kind for kind, _words in streams}
    if "Audio" not in kinds:
        raise Invalid(
            "file",
            _("This recording has no sound. Choose another file.")
            if "Video" in kinds
            else _("This file has neither picture nor sound. Choose another file."),
        )
    if done.returncode:
        raise Invalid(
            "file", _("This recording is in a format that cannot be read. Save it as MP4 with H.264 and AAC.")
        )
    stated = _DURATION.search(report)
    length_ms = round((int(stated[1]) * 3600 + int(stated[2]) * 60 + float(stated[3])) * 1000) if stated else None
    if length_ms is not None and length_ms > MOST_MS:
        raise Invalid(
            "file",
            _(
                "This recording is %(length)s long. A recording can have %(most)s at most.",
                length=clock_time(length_ms),
                most=clock_time(MOST_MS),
            ),
        )
    return MediaInfo(demuxer, length_ms, "Video" in kinds)


def damaged(file_name: str) -> Invalid:
    """The refusal of a file that nothing can read."""
    return Invalid(
        "file",
        _(
            "“%(name)s” is damaged and cannot be read. Save the recording again, and upload the new file.",
            name=file_name[-80:],
        ),
    )
