"""Finds ffmpeg, which packages the picture and sound of lectures. It runs as a process of its own."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

_WHEEL = "imageio_ffmpeg"
"""A package that carries the program (`requirements-video.txt`)."""


def find_ffmpeg() -> Path | None:
    """Returns the program: of the system, else of the wheel. Null if neither is installed."""
    program = shutil.which("ffmpeg")
    if program is not None:
        return Path(program)
    spec = find_spec(_WHEEL)
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        for path in sorted(Path(folder, "binaries").glob("ffmpeg-*")):
            return path
    return None
