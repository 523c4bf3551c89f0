"""WebM as a browser's recorder writes it, made by ffmpeg, and media read back."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path

from lms.core.storage.programs import find_ffmpeg
from lms.streaming.webm import WebmIndex


def run_ffmpeg(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = find_ffmpeg()
    assert program is not None, "make video installs it"
    command = [str(program), "-hide_banner", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, input=stdin or None, capture_output=True, check=True)


@cache
def webm(seconds: float = 4, *, with_video: bool = True, with_audio: bool = True) -> bytes:
    """A small picture (VP8, a key frame each second) and a tone (Opus), written to a pipe."""
    picture = ("-f", "lavfi", "-i", f"testsrc=size=128x72:rate=10:duration={seconds}")
    tone = ("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}")
    encoders: tuple[str, ...] = ()
    if with_video:
        encoders += ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "10", "-b:v", "100k")
    if with_audio:
        encoders += ("-c:a", "libopus", "-b:a", "32k")
    inputs = (*(picture if with_video else ()), *(tone if with_audio else ()))
    return run_ffmpeg(*inputs, *encoders, "-f", "webm", "-live", "1", "pipe:1").stdout


def later(content: bytes, from_ms: int, by_ms: int) -> bytes:
    """The same recording, the clusters of which are later from a moment on."""
    index = WebmIndex()
    index.feed(content)
    borders = [*(cluster.offset for cluster in index.clusters), len(content)]
    written = content[: borders[0]]
    for cluster, (start, end) in zip(index.clusters, pairwise(borders), strict=True):
        size_at, time_at = start + 4, start + 4 + 9 - content[start + 4].bit_length()
        assert content[time_at] == 0xE7
        blocks = content[time_at + 2 + (content[time_at + 1] & 0x7F) : end]
        assert content[size_at] != 0xFF, "the size of the cluster is known"
        time_ms = cluster.time_ms + (by_ms if cluster.time_ms >= from_ms else 0)
        body = b"\xe7\x88" + time_ms.to_bytes(8, "big") + blocks
        written += content[start:size_at] + (len(body) | 1 << 28).to_bytes(4, "big") + body
    return written


def sized(content: bytes, width: int) -> bytes:
    """The same recording, whose header states another width of the picture."""
    return content.replace(b"\xb0\x81\x80\xba\x81\x48", b"\xb0\x82" + width.to_bytes(2, "big") + b"\xba\x81\x48", 1)


def with_large_frames(content: bytes, width: int) -> bytes:
    """The same recording, whose key frames say that they are larger than its header does."""
    return content.replace(b"\x9d\x01\x2a\x80\x00\x48\x00", b"\x9d\x01\x2a" + width.to_bytes(2, "little") * 2)


def chunks_of(content: bytes, count: int) -> list[bytes]:
    """As many pieces as a recorder would hand out, which end anywhere."""
    size = -(-len(content) // count)
    return [content[at : at + size] for at in range(0, len(content), size)]


def seconds_of(*paths: Path, stream: str) -> float:
    """How long the pictures (`v`) or the sound (`a`) of an initialisation segment and its segments are."""
    whole = b"".join(path.read_bytes() for path in paths)
    done = run_ffmpeg("-i", "pipe:0", "-map", f"0:{stream}", "-f", "null", "-", stdin=whole)
    times = re.findall(rb"time=(\d+):(\d+):([\d.]+)", done.stderr)
    hours, minutes, seconds = times[-1]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
