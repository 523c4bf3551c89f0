"""Which build of the code this is: the version, the number of commits, and the commit.

A build keeps the answer in `version.txt` (hatchling's hook `version`, see `pyproject.toml`). A checkout asks git, when
the version is first needed.
"""

import subprocess
from functools import lru_cache
from pathlib import Path

from lms import __version__

_PACKAGE = Path(__file__).resolve().parent
_WRITTEN = "version.txt"
_GIT_SECONDS = 10


@lru_cache(maxsize=1)
def build_version() -> str:
    """The version of this build, such as `0.1.0.dev1234+g0123abcd`.

    It ends with `.dirty` where committed files were changed, and is the plain version at its own tag (`v0.1.0`).
    Sources of an unknown commit, such as a copied folder, are `.dev0`.
    """
    return version_of(_PACKAGE)


def version_of(package: Path) -> str:
    """The version of the package in a folder: of its checkout, else as its build wrote it."""
    if (package.parent / ".git").exists() and (version := _version_by_git(package.parent)):
        return version
    try:
        return (package / _WRITTEN).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return f"{__version__}.dev0"


def _version_by_git(checkout: Path) -> str | None:
    """The version by the commit of a checkout; None where git is not installed or cannot read it."""
    tag = f"v{__version__}"
    described = _git(
        checkout, "describe", "--tags", "--always", "--long", "--dirty=.dirty", "--abbrev=8", "--match", tag
    )
    count = _git(checkout, "rev-list", "--count", "HEAD")
    if not described or not count:
        return None
    if described.startswith(f"{tag}-0-") and not described.endswith(".dirty"):
        return __version__
    return f"{__version__}.dev{count}+g{described.rpartition('-g')[2]}"


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(  # noqa: S603  our own command
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=_GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
