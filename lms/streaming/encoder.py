"""One run of ffmpeg: WebM or an uploaded file in, segments of HLS (fMP4) out, in a folder of its own.

Without a picture, black ones take its place: browsers refuse a playlist in which pictures come and go.
"""

import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lms.core.storage.programs import Limits, bounded
from lms.streaming.rules import MOST_MS
from lms.streaming.webm import MOST_PIXELS

PICTURE, THIN = "v", "t"
"""The picture that each stream has, and a small one for thin lines."""
AUDIO, VOICE = "a", "s"
"""Sound alone: as the picture has it, and for the thinnest lines."""
_BLACK = "aresample=async=1:first_pts=0,showwaves=size=640x360:rate=10:colors=black,format=yuv420p"
"""Black pictures, drawn from the sound so that they are as long."""
STUCK_SECONDS = 60
_AT_ONCE = 256 * 1024
"""Bytes that are offered to the process at a time."""


@dataclass(frozen=True)
class Rendition:
    """One way in which a stream is offered.

    `height`: pixels; 0 for sound alone. `bandwidth`: bit/s at most. `sample_rate`: of the sound, in Hz.
    `frames`: pictures a second.
    """

    height: int
    kbps: int
    bandwidth: int
    codecs: str
    audio_kbps: int = 48
    sample_rate: int = 48_000
    frames: int = 30


RENDITIONS = {
    "h": Rendition(720, 1400, 1_700_000, "avc1.4d401f,mp4a.40.2"),
    PICTURE: Rendition(360, 400, 560_000, "avc1.4d401e,mp4a.40.2"),
    # Letters of a shared screen stay sharp with fewer pictures a second
    THIN: Rendition(240, 88, 150_000, "avc1.4d4015,mp4a.40.2", audio_kbps=24, sample_rate=24_000, frames=10),
    AUDIO: Rendition(0, 0, 60_000, "mp4a.40.2"),
    VOICE: Rendition(0, 0, 32_000, "mp4a.40.2", audio_kbps=24, sample_rate=24_000),
}


@dataclass(frozen=True)
class MediaFile:
    """An uploaded file, and how ffmpeg reads it."""

    path: Path
    demuxer: str


_LIVE_LIMITS = Limits(memory_mb=1536, cpu_seconds=26 * 3600, file_mb=100)
_LIVE_DECODERS = "vp8,libvpx,vp9,libvpx-vp9,av1,libdav1d,libaom-av1,h264,libopenh264,opus,libopus"
"""What browsers record, by the names of ffmpeg's decoders."""
_SOURCE_LIMITS = Limits(memory_mb=3072, cpu_seconds=13 * 3600, file_mb=100, niceness=19)


class Encoder:
    """A process of ffmpeg. It ends when its input ends, so also when the process that began it is killed."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        renditions: Sequence[str],
        *,
        segment_seconds: float,
        skip_ms: int = 0,
        has_picture: bool = True,
        source: MediaFile | None = None,
    ) -> None:
        """Begins. `source`: a file to read; without it, what `write` feeds is read."""
        self.folder = folder
        self.renditions = tuple(renditions)
        arguments = _input(skip_ms, source)
        arguments += _outputs(folder, renditions, segment_seconds, 0 if source else skip_ms, has_picture=has_picture)
        limits = _SOURCE_LIMITS if source is not None else _LIVE_LIMITS
        command, environment = bounded(limits, program, arguments)
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  the program that `find_ffmpeg` returned
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log
            )
        assert self._process.stdin is not None
        self._input = self._process.stdin
        os.set_blocking(self._input.fileno(), False)
        self._pending = bytearray()
        self._taken_at = time.monotonic()
        self.pid = self._process.pid

    def write(self, content: bytes) -> None:
        """Feeds the next bytes, as many as the process takes now. Raises BrokenPipeError if it is gone."""
        self._pending += content
        self._taken_at = time.monotonic()
        self.pump(0)

    def pump(self, seconds: float) -> None:
        """Feeds what the process has not taken yet, and waits so long where it takes nothing. Raises as `write`."""
        while self._pending:
            try:
                taken = os.write(self._input.fileno(), self._pending[:_AT_ONCE])
            except BlockingIOError:
                if seconds <= 0:
                    return
                ready = select.poll()
                ready.register(self._input, select.POLLOUT)
                ready.poll(seconds * 1000)
                seconds = 0
            else:
                del self._pending[:taken]
                self._taken_at = time.monotonic()

    @property
    def is_behind(self) -> bool:
        """Whether the process has not taken all that it was fed."""
        return bool(self._pending)

    @property
    def is_stuck(self) -> bool:
        """Whether the process has taken nothing for a minute of what it was fed."""
        return self.is_behind and time.monotonic() - self._taken_at > STUCK_SECONDS

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    @property
    def is_successful(self) -> bool:
        """Whether the process ended without an error and was not killed."""
        return self._process.returncode == 0

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()

    def finish(self, timeout: float = 60) -> bool:
        """Ends the input and waits until the last segments are written; kills the process after `timeout` seconds.

        Returns whether the process ended without being killed.
        """
        try:
            self._input.close()
            self._process.wait(timeout)
        except BrokenPipeError:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self._process.returncode >= 0

    def segments(self, rendition: str) -> list[int]:
        """The lengths in milliseconds of the segments that are whole, as ffmpeg's playlist lists them."""
        try:
            lines = (self.folder / f"{rendition}.m3u8").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [
            round(float(line.removeprefix("#EXTINF:").split(",")[0]) * 1000)
            for line in lines
            if line.startswith("#EXTINF:")
        ]

    def initial_path(self, rendition: str) -> Path:
        """The initialisation segment."""
        return self.folder / f"{rendition}.mp4"

    def segment_path(self, rendition: str, number: int) -> Path:
        """A segment that is whole."""
        return self.folder / f"{rendition}{number:05d}.m4s"

    def log_tail(self) -> str:
        """The last lines that ffmpeg wrote about its input."""
        return (self.folder / "log").read_text(errors="replace")[-500:]


def _input(skip_ms: int, source: MediaFile | None) -> list[str]:
    arguments = ["-hide_banner", "-loglevel", "error", "-nostats", "-y", "-filter_threads", "1"]
    arguments += ["-filter_complex_threads", "1", "-max_pixels", str(MOST_PIXELS**2), "-threads", "2"]
    if source is not None:
        arguments += ["-nostdin", "-protocol_whitelist", "file", "-f", source.demuxer]
        return [*arguments, "-ss", f"{skip_ms / 1000:.3f}", "-t", str(MOST_MS // 1000), "-i", str(source.path)]
    # Without "nobuffer", which would drop the first group of pictures
    arguments += [
        "-protocol_whitelist",
        "pipe",
        "-codec_whitelist",
        _LIVE_DECODERS,
        "-probesize",
        "200000",
        "-analyzeduration",
        "1000000",
    ]
    return [*arguments, "-f", "matroska", "-i", "pipe:0"]


def _outputs(
    folder: Path, renditions: Sequence[str], segment_seconds: float, skip_ms: int, *, has_picture: bool
) -> list[str]:
    arguments: list[str] = []
    skip = ["-ss", f"{skip_ms / 1000:.3f}"] if skip_ms else []
    for name in renditions:
        arguments += skip
        rendition = RENDITIONS[name]
        if rendition.height:
            if has_picture:
                scale, frames = f"scale=-2:{rendition.height}", f"fps=fps={rendition.frames}:start_time=0"
                # Pictures that are left out are not scaled, and those that come twice are scaled once
                filters = [frames, scale] if name == THIN else [scale, frames]
                arguments += ["-map", "0:V:0", "-vf", ",".join(filters)]
            else:
                arguments += ["-filter_complex", f"[0:a:0]{_BLACK}[black-{name}]", "-map", f"[black-{name}]"]
            arguments += ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-tune", "zerolatency"]
            arguments += [
                "-pix_fmt",
                "yuv420p",
                "-b:v",
                f"{rendition.kbps}k",
                "-maxrate",
                f"{rendition.kbps * 9 // 8}k",
            ]
            arguments += ["-bufsize", f"{rendition.kbps * 2}k", "-sc_threshold", "0", "-threads", "1"]
            arguments += ["-force_key_frames", f"expr:gte(t,n_forced*{segment_seconds:g})"]
        # Without "first_pts", sound begins a second late
        arguments += ["-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-c:a", "aac"]
        arguments += ["-b:a", f"{rendition.audio_kbps}k", "-ac", "1", "-ar", str(rendition.sample_rate)]
        arguments += ["-f", "hls", "-hls_time", f"{segment_seconds:g}", "-hls_list_size", "0"]
        arguments += ["-hls_segment_type", "fmp4", "-hls_flags", "omit_endlist+temp_file+independent_segments"]
        arguments += [
            "-hls_fmp4_init_filename",
            f"{name}.mp4",
            "-hls_segment_filename",
            str(folder / f"{name}%05d.m4s"),
        ]
        arguments.append(str(folder / f"{name}.m3u8"))
    return arguments
