"""The small picture for thin lines: its bits, what it shows of a screen, and recordings that have none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lms.core.storage.programs import find_ffmpeg
from lms.streaming import encoder
from lms.streaming.encoder import AUDIO, PICTURE, RENDITIONS, THIN, VOICE, Encoder
from lms.streaming.models import Epoch
from lms.streaming.playlists import parts_of, playlists_of, trimmed_playlist
from tests.streaming.media import run_ffmpeg

SECONDS = 8


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shared screen with fine lines, of which another part shows every three seconds, five pictures a second."""
    path = tmp_path_factory.mktemp("screen") / "screen.webm"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate=1/3:duration={SECONDS},fps=5")
    sound = ("-f", "lavfi", "-i", f"sine=frequency=440:duration={SECONDS}")
    encoders = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "10", "-b:v", "1500k")
    run_ffmpeg(*picture, *sound, *encoders, "-c:a", "libopus", path)
    return path


def packaged(content: Path, folder: Path, frames: int) -> Path:
    """The small picture with so many pictures a second, as one file."""
    folder.mkdir()
    program = find_ffmpeg()
    assert program is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoder.RENDITIONS, THIN, replace(RENDITIONS[THIN], frames=frames))
        running = Encoder(program, folder, [THIN], segment_seconds=2)
    running.write(content.read_bytes())
    while running.is_behind:
        running.pump(1)
    assert running.finish()
    whole = folder / "whole.mp4"
    segments = sorted(folder.glob(f"{THIN}0*.m4s"))
    whole.write_bytes(b"".join(path.read_bytes() for path in (running.initial_path(THIN), *segments)))
    return whole


def error_of(whole: Path, content: Path) -> float:
    """How far the pictures are from those of the screen in the same size, from 0 to 1 (1 - SSIM)."""
    compared = "[0:v]fps=5[seen];[1:v]fps=5,scale=-2:240[sent];[seen][sent]ssim"
    report = run_ffmpeg("-i", whole, "-i", content, "-lavfi", compared, "-f", "null", "-").stderr
    found = re.findall(rb"SSIM Y:([\d.]+)", report)
    return 1 - float(found[-1])


def test_a_screen_stays_sharp_rather_than_smooth_within_its_bits(screen: Path, tmp_path: Path) -> None:
    few = packaged(screen, tmp_path / "few", RENDITIONS[THIN].frames)
    many = packaged(screen, tmp_path / "many", 30)
    assert few.stat().st_size * 8 / SECONDS < 125_000
    assert error_of(few, screen) < error_of(many, screen) / 2


def epoch(number: int, *renditions: str) -> Epoch:
    return Epoch(number=number, wall_ms=number * 60_000, durations={name: [2000, 2000] for name in renditions})


def addresses(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith((".m4s", ".m3u8"))]


def test_a_recording_without_a_small_picture_keeps_its_lists() -> None:
    texts = playlists_of([epoch(1, PICTURE, AUDIO)], is_complete=True, segment_ms=2000)
    assert not [name for name in texts if name.startswith(("small", THIN))]
    assert addresses(texts["master_full.m3u8"]) == ["v_full.m3u8", "a_full.m3u8"]


def test_the_small_picture_goes_through_the_large_one_where_it_is_missing() -> None:
    epochs = [epoch(1, PICTURE, AUDIO), epoch(2, "h", PICTURE, THIN, AUDIO, VOICE)]
    texts = playlists_of(epochs, is_complete=True, segment_ms=2000)
    assert addresses(texts["small_full.m3u8"]) == ["t_full.m3u8", "a_full.m3u8", "s_full.m3u8"]
    segments = ["1/v00000.m4s", "1/v00001.m4s", "2/t00000.m4s", "2/t00001.m4s"]
    assert addresses(texts["t_full.m3u8"]) == segments
    parts = parts_of(epochs, from_ms=2000)
    assert addresses(trimmed_playlist(epochs, parts, THIN, segment_ms=2000)) == segments[1:]
    trimmed = trimmed_playlist(epochs, parts, "small", segment_ms=2000)
    assert addresses(trimmed) == ["t_trimmed.m3u8", "a_trimmed.m3u8", "s_trimmed.m3u8"]
