"""One run of ffmpeg: WebM in, segments of HLS (fMP4) out, in a folder of its own.

Without a picture, black ones take its place: browsers refuse a playlist in which pictures come and go.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

AUDIO = "a"
_AUDIO_KBPS = 48
_BLACK_RATE = 10


@dataclass(frozen=True)
class Rendition:
    """One way in which a stream is offered. `height`: pixels; 0 for sound alone. `bandwidth`: bit/s at most."""

    height: int
    kbps: int
    bandwidth: int
    codecs: str


RENDITIONS = {
    "h": Rendition(720, 1400, 1_700_000, "avc1.4d401f,mp4a.40.2"),
    "v": Rendition(360, 400, 560_000, "avc1.4d401e,mp4a.40.2"),
    AUDIO: Rendition(0, 0, 60_000, "mp4a.40.2"),
}


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
    ) -> None:
        self.folder = folder
        self.renditions = tuple(renditions)
        command = [str(program), *_arguments(folder, renditions, segment_seconds, skip_ms, has_picture=has_picture)]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)  # noqa: S603  the program that `find_ffmpeg` returned
        assert self._process.stdin is not None
        self._input = self._process.stdin
        self.pid = self._process.pid

    def write(self, content: bytes) -> None:
        """Feeds the next bytes. Raises BrokenPipeError if the process is gone."""
        self._input.write(content)
        self._input.flush()

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

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


def _arguments(
    folder: Path, renditions: Sequence[str], segment_seconds: float, skip_ms: int, *, has_picture: bool
) -> list[str]:
    # Without "nobuffer", which would drop the first group of pictures
    arguments = ["-hide_banner", "-loglevel", "error", "-nostats", "-y", "-protocol_whitelist", "pipe"]
    arguments += ["-probesize", "200000", "-analyzeduration", "1000000", "-f", "matroska", "-i", "pipe:0"]
    if not has_picture:
        arguments += ["-f", "lavfi", "-i", f"color=black:size=640x360:rate={_BLACK_RATE}"]
    skip = ["-ss", f"{skip_ms / 1000:.3f}"] if skip_ms else []
    for name in renditions:
        arguments += skip
        rendition = RENDITIONS[name]
        if rendition.height:
            rate = 30 if has_picture else _BLACK_RATE
            arguments += ["-map", "0:v:0"] if has_picture else ["-map", "1:v:0", "-shortest"]
            arguments += ["-vf", f"scale=-2:{rendition.height},fps=fps={rate}:start_time=0"]
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
        arguments += ["-b:a", f"{_AUDIO_KBPS}k", "-ac", "1", "-ar", "48000"]
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
