"""Each build says which commit it is of: an update is seen, and pip never calls it installed already."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from lms import __version__
from lms.cli.main import lms
from lms.version import build_version, version_of


def git(folder: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{part}": "x@x.example" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | who
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in a checkout of one commit."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    package = tmp_path / "checkout" / "lms"
    package.mkdir(parents=True)
    (package / "code.py").write_text("1")
    git(package.parent, "init", "--quiet")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "--quiet", "--message", "first")
    return package


def test_a_checkout_is_its_commit_and_says_when_it_was_changed(package: Path) -> None:
    (package / "version.txt").write_text("0.0.1")  # of a build: git knows better
    commit = git(package, "rev-parse", "--short=8", "HEAD")
    assert version_of(package) == f"{__version__}.dev1+g{commit}"
    (package / "code.py").write_text("2")
    assert version_of(package) == f"{__version__}.dev1+g{commit}.dirty"


def test_a_released_commit_is_the_plain_version_and_the_next_is_not(package: Path) -> None:
    git(package, "tag", f"v{__version__}")
    assert version_of(package) == __version__
    git(package, "commit", "--quiet", "--allow-empty", "--message", "second")
    commit = git(package, "rev-parse", "--short=8", "HEAD")
    assert version_of(package) == f"{__version__}.dev2+g{commit}"


def test_without_a_checkout_of_its_own_it_is_what_the_build_wrote(package: Path) -> None:
    installed = package.parent / "venv" / "lms"  # below another checkout
    installed.mkdir(parents=True)
    assert version_of(installed) == f"{__version__}.dev0"
    (installed / "version.txt").write_text("0.1.0.dev7+g0123abcd\n")
    assert version_of(installed) == "0.1.0.dev7+g0123abcd"


def test_without_git_a_checkout_still_works(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert version_of(package) == f"{__version__}.dev0"


def test_the_command_shows_the_build() -> None:
    assert CliRunner().invoke(lms, ["--version"]).output == f"lms, version {build_version()}\n"
