"""Other programs that run for the product: within limits of time and memory, and ffmpeg, where it is installed."""

import ctypes
import os
import resource
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_MB = 1024 * 1024
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of Linux


@dataclass(frozen=True)
class Limits:
    """Address space in MB, seconds of a processor, and MB of each file that is written (0: none). `niceness`: how much
    it gives way to what else runs, up to 19."""

    memory_mb: int
    cpu_seconds: int
    file_mb: int
    niceness: int = 0


def bounded(limits: Limits, program: Path, arguments: Sequence[str | Path]) -> tuple[list[str], dict[str, str]]:
    """The command and the environment with which a process begins a program within limits."""
    numbers = f"{limits.memory_mb},{limits.cpu_seconds},{limits.file_mb},{limits.niceness}"
    command = [sys.executable, "-m", "lms.core.storage.programs", numbers, str(os.getpid()), str(program)]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["MALLOC_ARENA_MAX"] = "2"  # each thread of the program would take address space for its own
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return [*command, *map(str, arguments)], environment


def main(numbers: str, parent: str, program: str, *arguments: str) -> None:
    """Becomes the program."""
    memory_mb, cpu_seconds, file_mb, niceness = map(int, numbers.split(","))
    os.nice(niceness)
    for name, most in (
        (resource.RLIMIT_AS, memory_mb * _MB),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_mb * _MB),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (most, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == int(parent):  # else it ended meanwhile
        os.execv(program, [program, *arguments])  # noqa: S606  our own command


if __name__ == "__main__":
    main(*sys.argv[1:])


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
