"""ffmpeg is the system's, else the one of the wheel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lms.core.storage import programs
from lms.core.storage.programs import find_ffmpeg


def install(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_the_program_of_the_system_comes_before_that_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_WHEEL", "wheel_with_ffmpeg")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_ffmpeg() is None
    monkeypatch.syspath_prepend(str(tmp_path))
    of_wheel = install(tmp_path / "wheel_with_ffmpeg" / "binaries", "ffmpeg-linux-x86_64-v9")
    assert find_ffmpeg() == of_wheel
    assert find_ffmpeg() == of_wheel  # it is not imported
    of_system = install(tmp_path / "bin", "ffmpeg")
    assert find_ffmpeg() == of_system


def test_it_is_installed_here_and_has_the_encoders() -> None:
    program = find_ffmpeg()
    assert program is not None, "make video installs it"
    done = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True)
    assert {"libx264", "aac", "libvpx", "libopus"} <= set(done.stdout.split())
